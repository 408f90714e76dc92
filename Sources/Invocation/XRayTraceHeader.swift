import Glibc
import LambdaAPI

/// The X-Ray trace header that a function sees. Source: `spec/invoke.md` section 1, `X-Amzn-Trace-Id`.
package struct XRayTraceHeader: Sendable, CustomStringConvertible {
    /// The header's value.
    package let description: String

    /// Whether it may have a lineage; see ``Lineage``. A trace that begins here has none.
    let mayHaveLineage: Bool

    /// A header that has a lineage.
    init(withLineage description: String) {
        self.description = description
        mayHaveLineage = true
    }

    /// The caller's header as it is, or a new, unsampled trace.
    package init(caller: String?) {
        if let caller, caller.utf8.count <= Self.lengthMax {
            description = caller
            mayHaveLineage = true
            return
        }
        mayHaveLineage = false
        let generator = PooledRandomNumberGenerator()
        let (id, rest, parent) = (generator.next(), generator.next(), generator.next())
        description =
            "Root=1-\(Self.hexadecimal(UInt64(time(nil)), digits: 8))-\(Self.hexadecimal(id, digits: 16))"
            + "\(Self.hexadecimal(rest >> 32, digits: 8));Parent=\(Self.hexadecimal(parent, digits: 16));Sampled=0"
    }

    /// What a header may have at most to be passed on.
    private static let lengthMax = 1024

    private static func hexadecimal(_ value: UInt64, digits: Int) -> String {
        String(unsafeUninitializedCapacity: digits) { buffer in
            for index in 0..<digits {
                let nibble = UInt8(truncatingIfNeeded: value >> UInt64((digits - 1 - index) * 4)) & 0xF
                buffer[index] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
            }
            return digits
        }
    }
}
