"""What a person sees: the terminal's table, report.md, report.html."""
