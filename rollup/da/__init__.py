"""Data availability: blobs cut into cells, who keeps which, who looks at which, and certificates.

Pure rules: cells come and go as values, entropy and time are arguments. Carries nothing anywhere.
"""
