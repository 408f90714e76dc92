import Foundation

/// Runs short Python programs, for what is made easier there, such as odd zip archives.
package enum Python {
    /// An error of a program, with what it printed.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Runs a program with the host's Python and returns what it wrote to its standard output.
    package static func output(of program: String) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/python3")
        process.arguments = ["-I", "-c", program]
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        let message = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: String(decoding: message, as: UTF8.self))
        }
        return Array(bytes)
    }

    /// A zip archive made by statements that use the open `zipfile.ZipFile` named `z`.
    package static func zip(_ statements: String) throws -> [UInt8] {
        try output(
            of: """
                import io, stat, sys, warnings, zipfile
                warnings.simplefilter("ignore")
                def entry(name, mode, content=b"", kind=stat.S_IFREG):
                    info = zipfile.ZipInfo(name)
                    info.create_system = 3
                    info.external_attr = (kind | mode) << 16
                    z.writestr(info, content)
                buffer = io.BytesIO()
                with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
                \(statements.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
                sys.stdout.buffer.write(buffer.getvalue())
                """
        )
    }
}
