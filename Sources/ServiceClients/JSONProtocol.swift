import LambdaAPI
import NIOHTTP1

/// AWS's JSON protocol as one service speaks it: a header names the operation, and what goes in and out is JSON.
struct JSONProtocol {
    /// Such as `1.0`.
    let version: String
    /// What stands before the operation's name, such as `AmazonSQS`.
    let target: String

    /// A request whose members the closure adds.
    func request(
        _ operation: String,
        headers: [(name: String, value: String)] = [],
        _ members: (inout JSONWriter) -> Void
    ) -> ServiceRequest {
        let own = [
            (name: "Content-Type", value: "application/x-amz-json-\(version)"),
            (name: "X-Amz-Target", value: "\(target).\(operation)"),
        ]
        return ServiceRequest(method: .POST, path: "/", headers: own + headers, body: JSONWriter.document(members))
    }

    /// The members of an answer.
    ///
    /// - Throws: ``ServiceError`` that the answer tells, or that says that it is none of the service.
    static func result(of answer: ServiceAnswer) throws(ServiceError) -> JSONObject {
        guard answer.isSuccess else { throw ServiceError(refusal: answer) }
        guard case .object(let object)? = try? JSONParser.parse(answer.body) else {
            throw .unreachable("its answer is not JSON", status: answer.status)
        }
        return object
    }
}
