"""The suite on trial: faults planted into the frameworks, and whether the suite finds each of them where it is."""
