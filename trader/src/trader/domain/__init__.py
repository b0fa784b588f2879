"""What the engine decides, and nothing else: no input or output, no clock, no randomness, no asyncio, no floats for money.

The doors, for everybody outside:

* `state.initial_state(settings: EngineSettings) -> EngineState`: what a process knows that has heard nothing.
* `engine.apply(state, record) -> EngineState`: fold one journal record; replay is a loop over it.
* `engine.step(state, event) -> (EngineState, tuple[Effect, ...])`: everything else.
* `views.view(state) -> StateView`: what may be shown.

What the engine (the asyncio ring) promises in return:

* Each win of leadership starts from `initial_state`, the journal through `apply`, then `StandingChanged`: while the standing is
  `NONE` the domain writes no records and asks for nothing, so a state that was fenced is not carried on.
* `Persist` and the orders of one step are committed together, before any byte leaves. `Committed` and `CommitRefused` follow.
* When the store refuses the orders of a step (a kill stands), its records are committed alone, then `CommitRefused` is posted.
* `EngageKill` comes back as `KillEngaged` (with a local identity when the database is away).
* `ClockTick` comes about every 100 ms: every obligation is derived anew on each.
* `risk_generation` of the state is the gate's: an order that adds risk under an older one is not sent.
"""
