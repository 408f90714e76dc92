package import LambdaAPI

/// An X-Ray trace header as extensions and subscribers to telemetry are told of it.
/// Source: `spec/runtime-api.md` sections 2 and 3.
package struct TracingContext: JSONEncodable {
    private let header: String

    /// - Parameter header: As the function sees it.
    package init(header: String) {
        self.header = header
    }

    package func encode(to writer: inout JSONWriter) {
        writer.object { context in
            context.member("type", "X-Amzn-Trace-Id")
            context.member("value", header)
        }
    }
}
