"""What the engine decides, and nothing else: no input or output, no clock, no randomness, no asyncio, no floats for money.

`step(state, event) -> (state, effects)` is the whole of it; everything here serves that function.
"""
