"""The whole loop in one run, for a newcomer to watch: a user of the chain like any other."""
