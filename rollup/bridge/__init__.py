"""What crosses from L1 to L2: deposits, L1 attributes, system configuration, aliased addresses."""
