"""From a request id backwards to rows and wallets: every number recomputed, nobody believed."""
