// Ether and a token over the bridge and back by viem's op-stack actions, unmodified: deposit,
// withdraw, prove, travel in time, finalize; with `reorgDepth`, L1 is reorganised after the proof.
// Reads one JSON argument, prints one.
import { createPublicClient, createTestClient, createWalletClient, defineChain, http, parseAbi,
  parseEther } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { chainConfig, getL2TransactionHashes, publicActionsL1, publicActionsL2, walletActionsL1,
  walletActionsL2 } from 'viem/op-stack'

const input = JSON.parse(process.argv[2])
const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
const l1 = defineChain({ id: input.l1.chainId, name: 'L1', nativeCurrency,
  rpcUrls: { default: { http: [input.l1.rpc] } },
  contracts: { multicall3: { address: input.contracts.Multicall3 } } })
const at = (name) => ({ [l1.id]: { address: input.contracts[name] } })
const l2 = defineChain({ ...chainConfig, id: input.l2.chainId, name: 'L2', nativeCurrency,
  sourceId: l1.id, rpcUrls: { default: { http: [input.l2.rpc] } },
  contracts: { ...chainConfig.contracts, portal: at('OptimismPortal'),
    disputeGameFactory: at('DisputeGameFactory'), l1StandardBridge: at('L1StandardBridge') } })

const account = privateKeyToAccount(input.key)
const quick = { pollingInterval: 200, cacheTime: 0 }
const publicL1 = createPublicClient({ chain: l1, transport: http(), ...quick }).extend(publicActionsL1())
const publicL2 = createPublicClient({ chain: l2, transport: http(), ...quick }).extend(publicActionsL2())
const walletL1 = createWalletClient({ account, chain: l1, transport: http(), ...quick }).extend(walletActionsL1())
const walletL2 = createWalletClient({ account, chain: l2, transport: http(), ...quick }).extend(walletActionsL2())
const anvil = createTestClient({ mode: 'anvil', chain: l1, transport: http() })

const token = parseAbi(['function approve(address,uint256) returns (bool)',
  'function balanceOf(address) view returns (uint256)'])
const factory = parseAbi([
  'function createOptimismMintableERC20(address,string,string) returns (address)',
  'event OptimismMintableERC20Created(address indexed localToken, address indexed remoteToken, address deployer)'])
const bridge = parseAbi(['function depositERC20(address,address,uint256,uint32,bytes)',
  'function bridgeERC20(address,address,uint256,uint32,bytes)',
  'function bridgeETH(uint32,bytes) payable'])
const L2_BRIDGE = l2.contracts.l2StandardBridge.address
const TOKENS = 1000n
const said = { statuses: [] }

function check(condition, what) {
  if (!condition) throw new Error(what)
}

async function mined(client, hash) {
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: 40_000 })
  check(receipt.status === 'success', `${hash} reverted`)
  return receipt
}

async function write(wallet, client, address, abi, functionName, args, value) {
  return mined(client, await wallet.writeContract({ address, abi, functionName, args, value }))
}

const held = (client, address) =>
  client.readContract({ address, abi: token, functionName: 'balanceOf', args: [account.address] })

// ---------------------------------------------------------------------------------------- deposit

async function depositEther() {
  const before = await publicL2.getBalance({ address: input.stranger })
  const request = await publicL2.buildDepositTransaction({
    account, mint: parseEther('1'), to: input.stranger })
  const receipt = await mined(publicL1, await walletL1.depositTransaction(request))
  const [hash] = getL2TransactionHashes(receipt)
  await mined(publicL2, hash)
  said.deposited = String(await publicL2.getBalance({ address: input.stranger }) - before)
}

async function depositTokens() {
  const l1Token = input.token
  const created = await write(walletL2, publicL2, '0x4200000000000000000000000000000000000012',
    factory, 'createOptimismMintableERC20', [l1Token, 'Token', 'TKN'])
  const l2Token = `0x${created.logs[1].topics[1].slice(26)}`
  const l1Bridge = input.contracts.L1StandardBridge
  await write(walletL1, publicL1, l1Token, token, 'approve', [l1Bridge, TOKENS])
  const receipt = await write(walletL1, publicL1, l1Bridge, bridge, 'depositERC20',
    [l1Token, l2Token, TOKENS, 200_000, '0x'])
  await mined(publicL2, getL2TransactionHashes(receipt)[0])
  said.tokensOnL2 = String(await held(publicL2, l2Token))
  return l2Token
}

// ------------------------------------------------------------------------------------- withdrawal

async function prove(receipt) {
  const { game, output, withdrawal } = await publicL1.waitToProve({ receipt, targetChain: l2 })
  // The portal wants a proof to be younger than its game.
  await until('a later L1 block', async () =>
    (await publicL1.getBlock()).timestamp > game.timestamp)
  const request = await publicL2.buildProveWithdrawal({ account, output, withdrawal })
  await mined(publicL1, await walletL1.proveWithdrawal({ ...request, targetChain: l2 }))
  return withdrawal
}

async function status(receipt) {
  return publicL1.getWithdrawalStatus({ receipt, targetChain: l2 })
}

async function until(what, condition) {
  for (let tries = 0; tries < 200; tries++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`${what} never came`)
}

async function travel(seconds) {
  await anvil.increaseTime({ seconds })
  await anvil.mine({ blocks: 1 })
}

async function withdraw(receipts) {
  said.statuses.push(await status(receipts[0]))
  let withdrawals = []
  for (const receipt of receipts) withdrawals.push(await prove(receipt))
  if (input.reorgDepth) {
    await anvil.request({ method: 'anvil_reorg', params: [input.reorgDepth, []] })
    said.statuses.push(await status(receipts[0]))
    withdrawals = []
    for (const receipt of receipts) withdrawals.push(await prove(receipt))
  }
  said.statuses.push(await status(receipts[0]))
  await travel(input.clockSeconds)
  await until('ready-to-finalize', async () => {
    const found = await Promise.all(receipts.map(status))
    if (found.every((each) => each === 'ready-to-finalize')) return true
    await travel(3)
    return false
  })
  said.statuses.push(await status(receipts[0]))
  for (const withdrawal of withdrawals)
    await mined(publicL1, await walletL1.finalizeWithdrawal({ targetChain: l2, withdrawal }))
  said.statuses.push(await status(receipts[0]))
}

async function main() {
  await depositEther()
  const l2Token = await depositTokens()

  const target = input.stranger
  const before = await publicL1.getBalance({ address: target })
  const request = await publicL1.buildInitiateWithdrawal({ account, to: target, value: parseEther('0.25') })
  const ether = await mined(publicL2, await walletL2.initiateWithdrawal(request))
  const tokens = await write(walletL2, publicL2, L2_BRIDGE, bridge, 'bridgeERC20',
    [l2Token, input.token, TOKENS / 4n, 200_000, '0x'])
  const tokensBefore = await held(publicL1, input.token)
  await withdraw([ether, tokens])

  said.withdrawn = String(await publicL1.getBalance({ address: target }) - before)
  said.tokensBack = String(await held(publicL1, input.token) - tokensBefore)
  said.tokensLeft = String(await held(publicL2, l2Token))
  console.log(JSON.stringify(said))
}

await main()
