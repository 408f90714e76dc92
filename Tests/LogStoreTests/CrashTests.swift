import Foundation
import LambdaAPI
import LogStore
import Testing

/// A file that ends anywhere, as a crash in the middle of a write leaves it.
@Suite struct CrashTests {
    @Test func whateverACrashLeavesIsShownOnceAndNothingElse() throws {
        var fixture = try StoreFixture()
        try fixture.createStream()
        try fixture.appendLines(["first"])
        try fixture.put([(1, "second\nwith\n\nlines"), (2, "third")])
        let path = try #require(fixture.segmentFiles().first)
        let whole = try Data(contentsOf: URL(filePath: path))
        let recordsStart = try #require(whole.firstIndex(of: UInt8(ascii: "\n"))) + 1
        let texts = try fixture.texts()
        #expect(texts == ["first\n", "second\nwith\n\nlines", "third"])

        for length in recordsStart...whole.count {
            try whole[..<length].write(to: URL(filePath: path))
            try fixture.reopen()
            let found = try fixture.texts()
            // Whole events first, then at most one that was cut: a beginning of what it was.
            for (index, text) in found.enumerated() where index < found.count - 1 { #expect(text == texts[index]) }
            if let last = found.last {
                let full = texts[found.count - 1]
                // A printed line always ends in its newline.
                let isBeginning = full.hasPrefix(last) || full.hasPrefix(last.dropLast())
                #expect(isBeginning, "'\(last)' at \(length)")
            }
            // What is appended next stands by itself, and nothing is shown twice.
            try fixture.appendLines(["next"], at: 3)
            #expect(try fixture.texts() == found + ["next\n"])
            try fixture.reopen()
            #expect(try fixture.texts() == found + ["next\n"])
        }
    }

    @Test func damagedBytesInTheMiddleHideNoOtherEvent() throws {
        var fixture = try StoreFixture()
        try fixture.createStream()
        try fixture.put((0..<100).map { ($0, "event \($0)") })
        let path = try #require(fixture.segmentFiles().first)
        var bytes = try Data(contentsOf: URL(filePath: path))
        let place = try #require(bytes.range(of: Data("event 50".utf8))).lowerBound - 40
        bytes[place] = UInt8(ascii: "x")
        try bytes.write(to: URL(filePath: path))
        try fixture.reopen()
        #expect(try fixture.texts().count == 99)
        #expect(try fixture.texts(isForward: false).count == 99)
    }
}
