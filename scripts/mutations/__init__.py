"""The parts of scripts/check_mutations.py."""
