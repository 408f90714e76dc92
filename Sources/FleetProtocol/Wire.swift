import HostLink
package import LambdaAPI
package import NIOCore
package import Worker

/// A value that has a form between hosts. What a later release adds stands behind what an earlier one reads.
package protocol WireValue {
    /// Reads a value.
    ///
    /// - Throws: ``HostLink/LinkError`` with `.malformed` if there is none.
    init(from buffer: inout ByteBuffer) throws
    /// Writes the value.
    func write(to buffer: inout ByteBuffer)
}

extension WireValue {
    /// The value as a message's body.
    package var body: ByteBuffer {
        var buffer = ByteBuffer()
        write(to: &buffer)
        return buffer
    }

    /// Reads a message's body.
    package init(body: ByteBuffer) throws {
        var buffer = body
        try self.init(from: &buffer)
    }
}

extension ByteBuffer {
    mutating func writeText(_ text: String) {
        let start = writerIndex
        writeInteger(UInt32(0))
        let count = writeString(text)
        setInteger(UInt32(count), at: start)
    }

    mutating func writeOptional(_ text: String?) {
        writeInteger(UInt8(text == nil ? 0 : 1))
        if let text { writeText(text) }
    }

    mutating func writeFlag(_ flag: Bool) { writeInteger(UInt8(flag ? 1 : 0)) }

    mutating func writeBlock(_ block: ByteBuffer) {
        writeInteger(UInt32(block.readableBytes))
        writeImmutableBuffer(block)
    }

    mutating func writeList<Elements: Collection>(
        _ elements: Elements,
        _ write: (inout ByteBuffer, Elements.Element) -> Void
    ) {
        writeInteger(UInt32(elements.count))
        for element in elements { write(&self, element) }
    }

    mutating func readBlock() throws -> ByteBuffer {
        guard let count = readInteger(as: UInt32.self), let block = readSlice(length: Int(count)) else {
            throw Self.cutShort
        }
        return block
    }

    mutating func readList<Element>(_ read: (inout ByteBuffer) throws -> Element) throws -> [Element] {
        let count = try readNumber(UInt32.self)
        var elements: [Element] = []
        // Each has at least a byte, so that a claim of more than there is ends here at the latest.
        guard count <= readableBytes else { throw Self.cutShort }
        for _ in 0..<count { elements.append(try read(&self)) }
        return elements
    }

    mutating func readText() throws -> String {
        guard let count = readInteger(as: UInt32.self), let text = readString(length: Int(count)) else {
            throw Self.cutShort
        }
        return text
    }

    mutating func readOptionalText() throws -> String? { try readFlag() ? try readText() : nil }

    mutating func readFlag() throws -> Bool { try readNumber(UInt8.self) != 0 }

    mutating func readNumber<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
        guard let number = readInteger(as: type) else { throw Self.cutShort }
        return number
    }

    static var cutShort: LinkError { LinkError(.malformed, "a message ends too early") }
}

extension ReservationToken: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(high: try buffer.readNumber(UInt64.self), low: try buffer.readNumber(UInt64.self))
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(high, low)
    }
}

extension EnvironmentID: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        self.init(try buffer.readText())
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(rawValue)
    }
}

extension RequestID: WireValue {
    package init(from buffer: inout ByteBuffer) throws {
        guard let requestID = RequestID(parsing: try buffer.readText()) else {
            throw LinkError(.malformed, "a message names a request by what is no UUID")
        }
        self = requestID
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.writeText(rawValue)
    }
}
