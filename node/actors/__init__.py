"""One loop per role. An actor owns a clock and a wait; the rules of its role live in `rollup`."""
