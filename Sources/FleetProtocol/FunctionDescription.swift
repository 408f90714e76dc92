import HostLink
package import LambdaAPI
package import NIOCore

/// A function version as it is told to another host.
package struct FunctionDescription: WireValue {
    package var function: InvocableFunction

    /// Tells of a function.
    package init(function: InvocableFunction) {
        self.function = function
    }

    package init(from buffer: inout ByteBuffer) throws {
        // In a block of its own, so that a later release can add something.
        var block = try buffer.readBlock()
        function = InvocableFunction(
            configurationID: .init(try block.readText()),
            locality: Locality(accountID: try block.readText(), region: try block.readText()),
            name: FunctionName(try block.readText()),
            version: FunctionVersion(try block.readText()),
            runtime: try block.readText(),
            handler: try block.readText(),
            timeoutSeconds: Int(try block.readNumber(Int32.self)),
            memoryMegabytes: Int(try block.readNumber(Int32.self)),
            ephemeralStorageMegabytes: Int(try block.readNumber(Int32.self)),
            environment: try block.readList { (try $0.readText(), try $0.readText()) }
                .reduce(into: [:]) { $0[$1.0] = $1.1 },
            codeHash: try block.readText(),
            layerHashes: try block.readList { try $0.readText() },
            logging: FunctionLogging(
                format: LogFormat(rawValue: try block.readText()),
                applicationLevel: try block.readOptionalText().map { ApplicationLogLevel(rawValue: $0) },
                systemLevel: try block.readOptionalText().map { SystemLogLevel(rawValue: $0) },
                group: try block.readText()
            ),
            subnetIDs: try block.readList { try $0.readText() },
            // Unknown to earlier releases.
            startsFromSnapshot: block.readableBytes > 0 ? try block.readNumber(UInt8.self) == 1 : false
        )
    }

    package func write(to buffer: inout ByteBuffer) {
        var block = ByteBuffer()
        block.writeText(function.configurationID.rawValue)
        block.writeText(function.locality.accountID)
        block.writeText(function.locality.region)
        block.writeText(function.name.rawValue)
        block.writeText(function.version.rawValue)
        block.writeText(function.runtime)
        block.writeText(function.handler)
        block.writeInteger(Int32(function.timeoutSeconds))
        block.writeInteger(Int32(function.memoryMegabytes))
        block.writeInteger(Int32(function.ephemeralStorageMegabytes))
        block.writeList(function.environment.sorted { $0.key < $1.key }) {
            $0.writeText($1.key)
            $0.writeText($1.value)
        }
        block.writeText(function.codeHash)
        block.writeList(function.layerHashes) { $0.writeText($1) }
        block.writeText(function.logging.format.rawValue)
        block.writeOptional(function.logging.applicationLevel?.rawValue)
        block.writeOptional(function.logging.systemLevel?.rawValue)
        block.writeText(function.logging.group)
        block.writeList(function.subnetIDs) { $0.writeText($1) }
        block.writeInteger(UInt8(function.startsFromSnapshot ? 1 : 0))
        buffer.writeBlock(block)
    }
}
