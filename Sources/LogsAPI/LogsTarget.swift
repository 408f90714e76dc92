package import LambdaAPI

/// The header by which AWS's JSON protocol tells the operation: `X-Amz-Target: Logs_20140328.GetLogEvents`.
package enum LogsTarget {
    /// The header's name.
    package static let header = "X-Amz-Target"
    private static let prefix = "Logs_20140328."

    /// The operation that a header's value names. Throws for one without behaviour, and for one that there is not.
    package static func operation(_ target: String) throws(LogsError) -> LogsOperation {
        guard target.hasPrefix(prefix) else {
            throw LogsError(.unknownOperation, "no service here has the operation \(target.prefix(200))")
        }
        let name = String(target.dropFirst(prefix.count))
        if let operation = LogsOperation(rawValue: name) { return operation }
        guard LogsOperation.others.contains(name) else {
            throw LogsError(.unknownOperation, "CloudWatch Logs has no operation \(name.prefix(200))")
        }
        throw .notImplemented(name)
    }
}

/// Reads the typed request of an operation from a body of the JSON protocol, and checks it as the model says.
package func readRequest<Request: OperationRequest>(
    _ type: Request.Type,
    from body: [UInt8]
) throws(LogsError) -> Request {
    do {
        return try Request(OperationInput(body: body))
    } catch {
        throw LogsError(error)
    }
}
