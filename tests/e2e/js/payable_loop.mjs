// The payable-AI loop by viem, unmodified and with none of our code: value, a Vyper contract, each
// native precompile, its events, and both EIP-712 statements. Reads one JSON argument, prints one.
import { createPublicClient, createWalletClient, defineChain, encodeAbiParameters, http, keccak256,
  concat, parseEther, parseEventLogs } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const input = JSON.parse(process.argv[2])
const chain = defineChain({ id: input.chainId, name: 'stemma', rpcUrls: { default: { http: [input.rpc] } },
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 } })
const account = privateKeyToAccount(input.key)
const reader = createPublicClient({ chain, transport: http(), pollingInterval: 100 })
const wallet = createWalletClient({ account, chain, transport: http() })
const seen = []

async function mined(hash) {
  const receipt = await reader.waitForTransactionReceipt({ hash })
  if (receipt.status !== 'success') throw new Error(`reverted: ${hash}`)
  return receipt
}
async function send(name, functionName, args, value = 0n) {
  const { address, abi } = input.precompiles[name]
  const { request } = await reader.simulateContract({ account, address, abi, functionName, args, value })
  const receipt = await mined(await wallet.writeContract(request))
  const logs = Object.values(input.precompiles).flatMap((p) => parseEventLogs({ abi: p.abi, logs: receipt.logs.filter(
    (log) => log.address.toLowerCase() === p.address.toLowerCase()) }))
  logs.sort((a, b) => a.logIndex - b.logIndex)
  seen.push(...logs.map((log) => log.eventName))
  return Object.fromEntries(logs.map((log) => [log.eventName, log.args]))
}
const view = (name, functionName, args) => reader.readContract({ ...input.precompiles[name], functionName, args })
const domain = (name) => ({ name: 'stemma', version: '1', chainId: input.chainId,
  verifyingContract: input.precompiles[name].address })
const bytes32 = (n) => '0x' + n.toString(16).padStart(64, '0')

// value
const before = await reader.getBalance({ address: input.stranger })
await mined(await wallet.sendTransaction({ to: input.stranger, value: 12345n }))
const received = (await reader.getBalance({ address: input.stranger })) - before

// a Vyper contract
const deployed = await mined(await wallet.deployContract({ abi: input.counter.abi, bytecode: input.counter.bytecode, args: [41n] }))
const counter = { address: deployed.contractAddress, abi: input.counter.abi }
await mined(await wallet.writeContract({ ...counter, functionName: 'increment' }))
const count = await reader.readContract({ ...counter, functionName: 'count' })

// data
const { DatanetCreated } = await send('datanet_registry', 'createDatanet', ['poems', bytes32(1), bytes32(2), true])
const datanetId = DatanetCreated.datanetId
const { ContributionSubmitted } = await send('datanet_registry', 'contribute', [datanetId, bytes32(3), 4n, bytes32(2)])
const { VersionPublished } = await send('datanet_registry', 'publishVersion', [datanetId, [ContributionSubmitted.contributionId]])
const { snapshotRoot } = VersionPublished

// a worker and a model
await send('worker_registry', 'register', [bytes32(5), bytes32(6)], parseEther('1'))
const baseModel = bytes32(BigInt('0x' + input.salt))
await send('model_registry', 'registerBaseModel', [baseModel, 100, 'tiny'])
const latest = await reader.getBlock()
const deadline = latest.timestamp + 3600n
const { TrainingRequested } = await send('model_registry', 'requestTraining',
  [datanetId, snapshotRoot, baseModel, bytes32(7), deadline, 1000n, 2000n, 500], 10n ** 15n)
const { jobId } = TrainingRequested
await send('model_registry', 'claimTraining', [jobId])
const adapterId = keccak256(baseModel)
const training = { jobId, datanetId, snapshotRoot, baseModel, recipeHash: bytes32(7),
  checkpointsRoot: bytes32(8), adapterId, steps: 30n, metricsHash: bytes32(9) }
const trainingSignature = await wallet.signTypedData({ domain: domain('model_registry'), primaryType: 'TrainingStatement', message: training,
  types: { TrainingStatement: [{ name: 'jobId', type: 'uint256' }, { name: 'datanetId', type: 'uint256' },
    { name: 'snapshotRoot', type: 'bytes32' }, { name: 'baseModel', type: 'bytes32' }, { name: 'recipeHash', type: 'bytes32' },
    { name: 'checkpointsRoot', type: 'bytes32' }, { name: 'adapterId', type: 'bytes32' }, { name: 'steps', type: 'uint64' },
    { name: 'metricsHash', type: 'bytes32' }] } })
await send('model_registry', 'submitTraining', [training, trainingSignature])

// a paid answer
const promptHash = bytes32(10)
const { RequestOpened } = await send('inference_escrow', 'open', [adapterId, account.address, promptHash, 10n, 20n, deadline], 50_000n)
const { requestId } = RequestOpened
const sharesRoot = keccak256(concat(['0x00', encodeAbiParameters(
  [{ type: 'uint256' }, { type: 'address' }, { type: 'uint256' }], [0n, account.address, 1_000_000n])]))
const inference = { requestId, adapterId, promptHash, outputHash: bytes32(11), inputTokens: 8n, outputTokens: 15n,
  sharesRoot, evidenceHash: bytes32(12) }
const inferenceSignature = await wallet.signTypedData({ domain: domain('proof_of_attribution'), primaryType: 'InferenceStatement', message: inference,
  types: { InferenceStatement: [{ name: 'requestId', type: 'bytes32' }, { name: 'adapterId', type: 'bytes32' },
    { name: 'promptHash', type: 'bytes32' }, { name: 'outputHash', type: 'bytes32' }, { name: 'inputTokens', type: 'uint64' },
    { name: 'outputTokens', type: 'uint64' }, { name: 'sharesRoot', type: 'bytes32' }, { name: 'evidenceHash', type: 'bytes32' }] } })
const { Settled } = await send('proof_of_attribution', 'settle', [inference, inferenceSignature, [account.address], [1_000_000n]])
const owed = await view('proof_of_attribution', 'balanceOf', [account.address])
const { Claimed } = await send('proof_of_attribution', 'claim', [])

console.log(JSON.stringify({ received, count, feeWei: Settled.feeWei, owed, claimed: Claimed.amountWei, events: seen },
  (_, value) => (typeof value === 'bigint' ? value.toString() : value)))
