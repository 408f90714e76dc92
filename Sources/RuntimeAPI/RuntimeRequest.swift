import LambdaAPI
import NIOHTTP1

/// A request to the Runtime API, by method and path. Source: `spec/runtime-api.md` section 1.
enum RuntimeRequest: Equatable {
    case ping
    case next
    case response(RequestID)
    case error(RequestID)
    case initialisationError
    /// A path of the Runtime API with another method than it has.
    case methodNotAllowed
    case unknown

    private static let version = "/2018-06-01"
    private static let invocation = "/2018-06-01/runtime/invocation/"

    init(method: HTTPMethod, uri: String) {
        switch uri {
        case "/2018-06-01/runtime/invocation/next":
            self = method == .GET ? .next : .methodNotAllowed
        case "/2018-06-01/runtime/init/error":
            self = method == .POST ? .initialisationError : .methodNotAllowed
        case "/2018-06-01/ping":
            self = method == .GET ? .ping : .methodNotAllowed
        default:
            self = Self.answer(method: method, uri: uri)
        }
    }

    private static func answer(method: HTTPMethod, uri: String) -> RuntimeRequest {
        guard uri.hasPrefix(invocation) else { return .unknown }
        let rest = uri.utf8.dropFirst(invocation.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")), let id = String(rest[..<slash]) else {
            return .unknown
        }
        switch rest[slash...].dropFirst() {
        case let verb where verb.elementsEqual("response".utf8):
            return method == .POST ? .response(RequestID(id)) : .methodNotAllowed
        case let verb where verb.elementsEqual("error".utf8):
            return method == .POST ? .error(RequestID(id)) : .methodNotAllowed
        default:
            return .unknown
        }
    }
}
