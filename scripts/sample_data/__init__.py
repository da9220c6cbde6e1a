"""Generator of a believable source database with planted defects and known truth.

`generate_sample_data.py`, beside this package, is its command line.
"""
