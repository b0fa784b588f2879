"""The deterministic simulation: the engine that trades, in virtual time, in a world that a seed makes hostile.

One process, one thread, one seed: the real `TradingEngine`, order gate, elector core, loop, kills and emergency journal, with
only the ports replaced. `make sim SEED=n` repeats any schedule to the last bit; `ops.judging` says whether it held.
"""
