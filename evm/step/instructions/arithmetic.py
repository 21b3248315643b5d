"""Arithmetic on words of 256 bits, modulo 2**256."""

from __future__ import annotations

from ... import gas_prices as gas
from ..machine import Machine
from .numbers import CEILING, MASK, signed


def add(m: Machine) -> None:
    """Pops a and b; pushes a + b. Yellow paper, 0x01."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push((left + right) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def mul(m: Machine) -> None:
    """Pops a and b; pushes a · b. Yellow paper, 0x02."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push((left * right) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def sub(m: Machine) -> None:
    """Pops a and b; pushes a - b. Yellow paper, 0x03."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push((left - right) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def div(m: Machine) -> None:
    """Pops a and b; pushes a / b without its fraction, 0 for b = 0. Yellow paper, 0x04."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(left // right if right else 0)
    # PROGRAM COUNTER
    m.pc += 1


def sdiv(m: Machine) -> None:
    """Pops a and b; pushes a / b in two's complement, cut towards zero. Yellow paper, 0x05."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    dividend, divisor = signed(left), signed(right)
    quotient = abs(dividend) // abs(divisor) if divisor else 0
    m.push((-quotient if (dividend < 0) != (divisor < 0) else quotient) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def mod(m: Machine) -> None:
    """Pops a and b; pushes what a / b leaves, 0 for b = 0. Yellow paper, 0x06."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    m.push(left % right if right else 0)
    # PROGRAM COUNTER
    m.pc += 1


def smod(m: Machine) -> None:
    """Pops a and b; pushes what a / b leaves, with the sign of a. Yellow paper, 0x07."""
    # STACK
    left, right = m.pop(), m.pop()
    # OPERATION
    dividend, divisor = signed(left), signed(right)
    rest = abs(dividend) % abs(divisor) if divisor else 0
    m.push((-rest if dividend < 0 else rest) & MASK)
    # PROGRAM COUNTER
    m.pc += 1


def addmod(m: Machine) -> None:
    """Pops a, b and n; pushes (a + b) mod n without overflow, 0 for n = 0. Y.p., 0x08."""
    # STACK
    left, right, modulus = m.pop(), m.pop(), m.pop()
    # OPERATION
    m.push((left + right) % modulus if modulus else 0)
    # PROGRAM COUNTER
    m.pc += 1


def mulmod(m: Machine) -> None:
    """Pops a, b and n; pushes (a · b) mod n without overflow, 0 for n = 0. Y.p., 0x09."""
    # STACK
    left, right, modulus = m.pop(), m.pop(), m.pop()
    # OPERATION
    m.push((left * right) % modulus if modulus else 0)
    # PROGRAM COUNTER
    m.pc += 1


def exp(m: Machine) -> None:
    """Pops a and b; pushes a to the power of b. Yellow paper, 0x0a; EIP-160."""
    # STACK
    base, exponent = m.pop(), m.pop()
    # GAS
    m.charge(gas.EXPONENT_BYTE * ((exponent.bit_length() + 7) // 8))
    # OPERATION
    m.push(pow(base, exponent, CEILING))
    # PROGRAM COUNTER
    m.pc += 1


def signextend(m: Machine) -> None:
    """Pops b and a; pushes a with the sign of its byte b, counted from the lowest. Y.p., 0x0b."""
    # STACK
    byte, value = m.pop(), m.pop()
    # OPERATION
    if byte < 31:
        sign = 1 << (8 * byte + 7)
        value = value | (CEILING - sign) if value & sign else value & (sign - 1)
    m.push(value)
    # PROGRAM COUNTER
    m.pc += 1
