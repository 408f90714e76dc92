import Identity
import NIOHTTP1

/// AWS's Query protocol as one service speaks it: a form goes in, and XML comes out.
struct QueryProtocol {
    /// The version of the API, such as `2010-03-31`.
    let version: String

    /// A request with parameters in this order.
    func request(_ operation: String, _ parameters: [(name: String, value: String)]) -> ServiceRequest {
        let form = ([("Action", operation), ("Version", version)] + parameters)
            .map { "\(URIEncoding.encode($0.0.utf8))=\(URIEncoding.encode($0.1.utf8))" }
            .joined(separator: "&")
        return ServiceRequest(
            method: .POST,
            path: "/",
            headers: [("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: Array(form.utf8)
        )
    }

    /// The members of the operation's result in an answer.
    ///
    /// - Throws: ``ServiceError`` that the answer tells.
    static func result(of operation: String, in answer: ServiceAnswer) throws(ServiceError) -> XMLFields {
        guard answer.isSuccess else { throw ServiceError(refusal: answer) }
        return XMLFields(of: "\(operation)Result", in: answer.body)
    }
}
