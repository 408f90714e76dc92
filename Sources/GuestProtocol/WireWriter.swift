/// Writes the parts of a message: integers with the least significant byte first, byte strings after their length.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ text: String) {
        write(Array(text.utf8))
    }

    mutating func write(_ data: some Collection<UInt8>) {
        write(UInt32(data.count))
        bytes.append(contentsOf: data)
    }

    mutating func write(_ list: [String]) {
        write(UInt32(list.count))
        for text in list { write(text) }
    }
}
