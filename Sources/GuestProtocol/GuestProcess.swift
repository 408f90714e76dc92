/// A process to start in the function's tree, as the function's user.
package struct GuestProcess: Hashable, Sendable {
    /// The program's path; no search is made.
    package var executable: String
    package var arguments: [String]
    /// The whole environment, `KEY=value` each.
    package var environment: [String]
    package var workingDirectory: String
    /// The stream of its standard output and standard error, from guest to host only. The host numbers it.
    package var output: StreamNumber
    /// The stream of the socket that it has as descriptor 3, in both directions; most have none.
    package var channel: StreamNumber?

    package init(
        executable: String,
        arguments: [String],
        environment: [String],
        workingDirectory: String,
        output: StreamNumber,
        channel: StreamNumber? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.output = output
        self.channel = channel
    }

    func write(to writer: inout WireWriter) {
        writer.write(executable)
        writer.write(arguments)
        writer.write(environment)
        writer.write(workingDirectory)
        writer.write(output.rawValue)
        // 0 is no stream's number.
        writer.write(channel?.rawValue ?? 0)
    }

    init(from reader: inout WireReader) throws(ProtocolViolation) {
        executable = try reader.text()
        arguments = try reader.texts()
        environment = try reader.texts()
        workingDirectory = try reader.text()
        output = try StreamNumber(from: &reader)
        let channel = try reader.integer(UInt64.self)
        self.channel = channel == 0 ? nil : StreamNumber(rawValue: channel)
    }
}
