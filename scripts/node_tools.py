"""The npm packages that some tests use, one exact pin each. Prints them for `make node-tools`.

anvil: a second L1 that nobody here wrote. cast and viem: clients that nobody here wrote.
"""

PACKAGES = ["@foundry-rs/anvil@1.7.1", "@foundry-rs/cast@1.7.1", "viem@2.57.1"]

if __name__ == "__main__":
    print(" ".join(PACKAGES))
