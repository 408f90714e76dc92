import NIOHTTP1

@testable import ServiceClients

/// The error that an answer is taken for; nil for a success.
func failure(_ check: () throws(ServiceError) -> Void) -> ServiceError? {
    do throws(ServiceError) {
        try check()
        return nil
    } catch {
        return error
    }
}

extension ServiceAnswer {
    /// An answer without headers.
    init(_ status: Int, _ body: String) {
        self.init(status: status, headers: [:], body: Array(body.utf8))
    }
}
