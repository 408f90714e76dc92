/// The protocol between a host and the agent in its guest, in numbers.
///
/// Two ends speak over one stream of bytes, whatever carries it: a virtio-serial port, a vsock connection, a socket pair.
/// The host is the service; the guest is process 1 of a virtual machine that runs one function. This room is what they
/// share: messages, their bytes, and the machines that know what may come next. It does no IO and imports nothing, so the
/// agent stays small.
///
/// - **Greeting.** The host says hello with its version, the agent answers with its own. A difference ends the link.
/// - **Requests** have a number and are answered once: done, or failed with an error number and a step.
/// - **Streams** carry all bytes that are not messages: what processes print, what they are told through their channel, and
///   connections that a function makes to the Runtime API on its loopback interface. Each has a window in each direction,
///   so a guest can make its host hold 8 MiB at most (``windowBytes`` times ``streamsMax``), whatever it does.
/// - **Hostile guests.** Every length is checked before it is used, and ``GuestSession`` accepts only what can be true: an
///   answer to a question that was put, the end of a process that runs, data that there was credit for. For anything else,
///   a ``ProtocolViolation``, the host destroys the guest. What was merely under way when a stream ended is passed over.
/// - **Numbers** are never used twice, on either end.
package enum GuestLink {
    /// What the two ends must agree on. An agent is built together with its host, but a snapshot keeps an agent alive:
    /// a host that has learned another protocol meanwhile must notice.
    package static let version: UInt32 = 2

    /// The most bytes that a frame carries beside its head. Arguments and environment of a process fit: Lambda's own
    /// limit for all variables together is 4 KiB, and what the service adds is no more than that again.
    package static let bodyBytesMax = 128 << 10

    /// The most bytes of a stream that may be under way in one direction before the receiver has passed some on.
    package static let windowBytes = 64 << 10

    /// The most bytes of a stream in one frame, so that one stream cannot keep the others waiting for long.
    package static let chunkBytesMax = 32 << 10

    /// The most streams that live at a time. Together with ``windowBytes`` this bounds what a guest can make its host hold.
    package static let streamsMax = 128

    /// The most processes that a host starts in a guest at a time: a runtime and its extensions, of which Lambda has ten.
    package static let processesMax = 32

    /// The most strings in a list of strings.
    package static let stringsMax = 4096

    /// The fewest and the most bytes of randomness that make an identity.
    package static let entropyBytes = 32...512
}
