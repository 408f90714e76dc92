import Foundation
import LambdaAPI
import NIOHTTP1

/// What the headers of an Invoke request ask for. Source: `spec/invoke.md` section 1.
struct InvokeOptions: Equatable {
    /// What is to be done with the function.
    enum InvocationType: String {
        /// Run it, and answer with its response.
        case requestResponse = "RequestResponse"
        /// Keep the event, and run the function later.
        case event = "Event"
        /// Only check whether the invoke would be run.
        case dryRun = "DryRun"
    }

    let invocationType: InvocationType
    /// Return the end of the log.
    let wantsLogTail: Bool
    /// The client context, decoded to JSON text.
    let clientContext: String?

    /// Throws `ValidationException` for values outside of the model's, `InvalidRequestContentException` for a client
    /// context that is not base64 of JSON, `InvalidParameterValueException` for a tenant, and `NotImplementedException`
    /// for names of durable executions.
    init(_ headers: HTTPHeaders, of operation: InvokeRoute.Operation) throws(LambdaError) {
        guard operation != .invokeAsync else {
            invocationType = .event
            wantsLogTail = false
            clientContext = nil
            return
        }
        let type = headers.first(name: "X-Amz-Invocation-Type") ?? "RequestResponse"
        let logType = headers.first(name: "X-Amz-Log-Type") ?? "None"
        var violations: [String] = []
        let types = Self.types(of: operation)
        if !types.contains(type) {
            violations.append(Self.violation(type, "invocationType", types.joined(separator: ", ")))
        }
        if !["None", "Tail"].contains(logType) {
            violations.append(Self.violation(logType, "logType", "None, Tail"))
        }
        let execution = headers.first(name: "X-Amz-Durable-Execution-Name")
        if let execution, operation == .invoke {
            let shape = Shapes.durableExecutionName
            violations += RequestValidator.violations(of: execution, as: shape, at: "durableExecutionName")
        }
        let tenant = headers.first(name: "X-Amz-Tenant-Id")
        if let tenant {
            violations += RequestValidator.violations(of: tenant, as: Shapes.tenantId, at: "tenantId")
        }
        guard violations.isEmpty else { throw .validation(violations) }
        // Of functions without tenant isolation, as all are here, Lambda refuses a tenant.
        guard tenant == nil else {
            throw .invalidParameterValue("The function has no tenant isolation; the request must not name a tenant ID.")
        }
        guard execution == nil else {
            throw LambdaError(.notImplemented, "Swiftlet has no durable functions yet; nothing was run.")
        }
        invocationType = InvocationType(rawValue: type) ?? .requestResponse
        wantsLogTail = logType == "Tail"
        clientContext = try headers.first(name: "X-Amz-Client-Context").map(Self.decodeClientContext)
    }

    /// The largest event.
    var payloadMax: ByteCount {
        invocationType == .event ? Limits.asynchronousPayloadMax : Limits.requestPayloadMax
    }

    private static func types(of operation: InvokeRoute.Operation) -> [String] {
        switch operation {
        case .invoke: ["Event", "RequestResponse", "DryRun"]
        case .invokeWithResponseStream: ["RequestResponse", "DryRun"]
        case .invokeAsync: ["Event"]
        }
    }

    private static func violation(_ value: String, _ member: String, _ allowed: String) -> String {
        "Value '\(value)' at '\(member)' failed to satisfy constraint: Member must satisfy enum value set: [\(allowed)]"
    }

    private static func decodeClientContext(_ header: String) throws(LambdaError) -> String {
        guard header.utf8.count <= Limits.clientContextMax.bytes else {
            throw .invalidRequestContent(
                "Client context must be less than \(Limits.clientContextMax.bytes) bytes, but was \(header.utf8.count)."
            )
        }
        guard let data = Data(base64Encoded: header), let text = String(validating: data, as: UTF8.self) else {
            throw .invalidRequestContent("Client context must be a valid Base64-encoded JSON object.")
        }
        // A header cannot hold line breaks, which JSON may have between its tokens only.
        let line = text.replacing("\n", with: " ").replacing("\r", with: " ")
        let isJSON = data.withUnsafeBytes { (try? JSONSyntax.check($0)) != nil }
        guard isJSON, line.utf8.allSatisfy({ $0 >= 0x20 || $0 == 0x09 }) else {
            throw .invalidRequestContent("Client context must be a valid Base64-encoded JSON object.")
        }
        return line
    }
}
