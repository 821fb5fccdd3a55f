"""What must hold at each step: rules on one observation or a pair, each giving checks."""
