// Package splice carries the bytes of a tunnel between its two connections: at first each chunk may be put to somebody who judges it
// ([Inspection]), then nothing is looked at any more.
//
// A pair of connections is handed to an [Engine], and the goroutine that hands it over is free at once. What TCP can say
// passes through: the end of one direction (FIN) while the other goes on, and a reset (RST). Nothing else ends a pair but its
// inspection, its limits, [Pair.Close], [Pair.Release] and the engine's Close. A receiver that stops reading stops its sender, and no
// more than one portion of each direction waits in between: 32 KiB in goroutines; in a loop up to 1 MiB for both together, as long as all
// pairs hold no more than 64 MiB (memory_linux.go), else 32 KiB.
//
// # The way of a pair
//
// There are two engines. The goroutine engine (goroutine.go) carries any pair on any system, as copied (copied.go). On Linux the
// epoll engine (epoll_linux.go) carries pairs of TCP connections on a few loops (loop_linux.go), as spliced (spliced_linux.go), as long
// as all goes well; goroutines take over whatever does not, so that everything out of the ordinary stands once, in copied.go.
//
// Accept. epollEngine.Accept has the first loop watch a listener (acceptor.begin). When loop.serve sees an event of it, it calls
// acceptor.drained, which accepts a few, reads the first bytes of each and asks the [Reception] (acceptor.welcome). The [Plan] that
// it gets may have the socket handed on to a goroutine at once (register.run).
//
// Connect. acceptor.welcome begins to connect the target (startConnect) and gives the pair to a loop (epollEngine.near, loop.add).
// loop.handle takes the event that says what has become of it to loop.opened, which calls Plan.Open. If there is no tunnel for any
// reason (refused, late, abandoned, the client is gone), spliced.take hands the client on.
//
// Join. Pairs whose connections somebody else has made come by epollEngine.Join or goroutineEngine.Join. What was read of the client
// before is judged first (spliced.join, copied.inspectHeld).
//
// Inspect. loop.fill puts each chunk that it has read to spliced.inspect. Pass is written as any other bytes; PassAll ends the
// inspection. With any other verdict loop.end gives the pair up, and spliced.handOver makes a copied pair of it, with the bytes in hand and
// the verdict to follow. So do the end of a stream (loop.finish), a failed write (loop.flush), and the end of the time, of which
// register.tick tells. In goroutines each chunk goes to copied.passes, the end of a stream to copied.over, and copied.follow does what the
// verdict says; the last goroutine of an inspected pair whose time is over asks what to tell the client (copied.finish).
//
// Carry. loop.serve takes events from epoll (loop.resolve), loop.handle notes what they say in the flows of the pair, and loop.move
// gives each direction its turn: loop.fill reads and loop.flush writes, or loop.carry and loop.empty move much through the loop's pipe.
// What a receiver does not take stays in flow.memory (loop.block) until an event says that there is room. As copied each direction has
// a goroutine: copied.copy reads (source.read) and copied.write writes.
//
// End. The first cause wins: it is stored in Pair.ending.
//   - Both sides have finished: loop.finish, or copied.run with copied.over.
//   - A reset, or any other failure: loop.fail, or what copied.copy returns. A reset that comes when there is nothing more to read is seen
//     by loop.handle, or by watch.
//   - A receiver takes nothing of what waits for it: loop.look or copied.look, which register.visit asks for now and then; what a receiver
//     has taken the system knows (outstanding), so that traffic costs nothing (stall.go).
//   - Time is over, [Pair.Close], [Pair.Release], the engine is closed: Pair.stop, called by the register (register.go and
//     register_linux.go), which keeps the clock. It wakes the carrier: spliced.wake has the loop end the
//     pair in its next round, copied.wake sets deadlines that have passed.
//   - The inspection refuses: copied.follow.
//
// spliced.leave and copied.finish then close the sockets, with a reset if bytes may be missing, or leave them to the owner; Pair.ended
// tells it. Engine.Close waits for that (register.close).
package splice
