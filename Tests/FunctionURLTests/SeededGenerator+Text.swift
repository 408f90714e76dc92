import TestSupport

extension SeededGenerator {
    /// A text of so many of the pieces at most.
    mutating func text(of pieces: [String], countMax: Int) -> String {
        let count = Int.random(in: 0...countMax, using: &self)
        return (0..<count).map { _ in pieces[Int.random(in: 0..<pieces.count, using: &self)] }.joined()
    }

    /// So many bytes at most.
    mutating func bytes(countMax: Int) -> [UInt8] {
        (0..<Int.random(in: 0...countMax, using: &self)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
