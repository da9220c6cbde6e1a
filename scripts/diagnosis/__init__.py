"""What scripts/doctor looks at: one module for each area, each with a function that gives findings."""
