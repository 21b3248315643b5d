"""What a state is built of: stack, word trees, code trees and the map of the world.

Each file has the nodes of one structure and the operations on it, which open names through an
`Opener`. They know no instruction and no phase.
"""
