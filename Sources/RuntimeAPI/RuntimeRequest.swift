import LambdaAPI
import NIOHTTP1

/// A request to the APIs of an execution environment, by method and path. Source: `spec/runtime-api.md` sections 1 to 4.
enum RuntimeRequest: Equatable {
    case ping
    case next
    case response(RequestID)
    case error(RequestID)
    case initialisationError
    case restoreNext
    case restoreError
    case credentials
    case `extension`(ExtensionRequest)
    case subscription(TelemetryAPI)
    case metadata
    /// A path of the Runtime API with another method than it has.
    case methodNotAllowed
    case unknown

    /// A request to the Extensions API.
    enum ExtensionRequest: Equatable {
        case register
        case next
        case initialisationError
        case exitError
    }

    private static let invocation = "/2018-06-01/runtime/invocation/"

    init(method: HTTPMethod, uri: String) {
        switch uri {
        case "/2018-06-01/runtime/invocation/next":
            self = method == .GET ? .next : .methodNotAllowed
        case "/2018-06-01/runtime/init/error":
            self = method == .POST ? .initialisationError : .methodNotAllowed
        case "/2018-06-01/runtime/restore/next":
            self = method == .GET ? .restoreNext : .methodNotAllowed
        case "/2018-06-01/runtime/restore/error":
            self = method == .POST ? .restoreError : .methodNotAllowed
        case "/2021-04-23/credentials":
            self = method == .GET ? .credentials : .methodNotAllowed
        case "/2018-06-01/ping":
            self = method == .GET ? .ping : .methodNotAllowed
        case "/2020-01-01/extension/register":
            self = method == .POST ? .extension(.register) : .methodNotAllowed
        case "/2020-01-01/extension/event/next":
            self = method == .GET ? .extension(.next) : .methodNotAllowed
        case "/2020-01-01/extension/init/error":
            self = method == .POST ? .extension(.initialisationError) : .methodNotAllowed
        case "/2020-01-01/extension/exit/error":
            self = method == .POST ? .extension(.exitError) : .methodNotAllowed
        case "/2022-07-01/telemetry":
            self = method == .PUT ? .subscription(.telemetry) : .methodNotAllowed
        case "/2020-08-15/logs":
            self = method == .PUT ? .subscription(.logs) : .methodNotAllowed
        case "/2026-01-15/metadata/execution-environment":
            self = method == .GET ? .metadata : .methodNotAllowed
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
