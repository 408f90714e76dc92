import Foundation
import Testing

@Suite struct GeneratorTests {
    @Test func theGeneratedFilesAreWhatTheGeneratorWrites() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let generator = Process()
        generator.executableURL = URL(filePath: "/usr/bin/env")
        generator.arguments = ["python3", "-B", "Tools/generate-api/generate.py", "--check"]
        generator.currentDirectoryURL = root
        let complaints = Pipe()
        generator.standardError = complaints
        try generator.run()
        let text = try complaints.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } ?? ""
        generator.waitUntilExit()
        #expect(generator.terminationStatus == 0, "run make generate: \(text)")
    }
}
