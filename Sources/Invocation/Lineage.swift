package import LambdaAPI

/// How often functions have taken part in the chain of invokes that led to this one, from the `Lineage` of an X-Ray trace
/// header. The AWS SDKs carry the header from an invoke to whatever the function calls, be it the function itself.
/// Source: `spec/async-esm.md` section 1, recursion detection.
package struct Lineage: Equatable, Sendable {
    /// How often a function may be invoked in one chain: the next invoke is refused.
    package static let invocationsMax = 16

    /// What stands before the value in the header.
    private static let key = "Lineage="
    /// How many functions are remembered of a chain; the ones that came first are forgotten first.
    private static let functionsMax = 3

    private var counts: [(id: String, count: Int)] = []

    /// The lineage in the fields of a header; empty if there is none, or none that can be read.
    init(traceFields fields: [Substring]) {
        guard let field = fields.first(where: { $0.hasPrefix(Self.key) }) else { return }
        for entry in field.dropFirst(Self.key.count).split(separator: "|") {
            // Newer SDKs number the format in front: `1:a87bd80c:3`.
            let parts = entry.split(separator: ":")
            guard parts.count >= 2, let count = Int(parts[parts.count - 1]), count >= 0 else { continue }
            counts.append((String(parts[parts.count - 2]), min(count, Int(Int32.max))))
        }
    }

    /// Adds an invoke of a function, and tells the how many-th of the chain it is, from 1 on.
    mutating func enter(_ function: InvocableFunction) -> Int {
        guard let index = counts.firstIndex(where: { $0.id == function.lineageID }) else {
            counts.append((function.lineageID, 1))
            counts.removeFirst(max(0, counts.count - Self.functionsMax))
            return 1
        }
        counts[index].count += 1
        return counts[index].count
    }

    /// The field as it stands in the header.
    var field: String {
        Self.key + counts.map { "\($0.id):\($0.count)" }.joined(separator: "|")
    }

    package static func == (left: Lineage, right: Lineage) -> Bool { left.field == right.field }
}

extension XRayTraceHeader {
    /// The header that a function is invoked with: this one, with the invoke in its lineage.
    ///
    /// - Returns: The header, and the how many-th invoke of the function in its chain this is.
    package func entering(_ function: InvocableFunction) -> (header: XRayTraceHeader, invocations: Int) {
        // A trace that begins here, which is nearly every one, has no lineage yet.
        guard mayHaveLineage else {
            return (XRayTraceHeader(withLineage: "\(description);Lineage=\(function.lineageID):1"), 1)
        }
        let fields = description.split(separator: ";")
        var lineage = Lineage(traceFields: fields)
        let invocations = lineage.enter(function)
        let others = fields.filter { !$0.hasPrefix("Lineage=") }.joined(separator: ";")
        return (XRayTraceHeader(withLineage: "\(others);\(lineage.field)"), invocations)
    }
}
