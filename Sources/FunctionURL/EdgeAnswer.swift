import LambdaAPI
import NIOCore
import NIOHTTP1

/// What a function URL answers of its own accord, without a response of the function.
/// Source: `spec/control-plane.md` section 5.
package enum EdgeAnswer: Hashable, Sendable, CaseIterable {
    /// The caller may not invoke the function through its URL.
    case forbidden
    /// There is no such URL, which AWS will not say.
    case unknownURL
    /// No concurrency is left, or the function is disabled by a reservation of none.
    case throttled
    /// The request, or the event that is made of it, is too large.
    case payloadTooLarge
    /// The function failed, timed out or returned what is no response.
    case functionFailed

    /// The whole answer.
    package var response: FunctionURLResponse {
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        if let errorType { headers.add(name: "x-amzn-ErrorType", value: errorType) }
        return FunctionURLResponse(
            head: FunctionURLResponseHead(status: status, headers: headers),
            body: ByteBuffer(bytes: body)
        )
    }

    private var status: HTTPResponseStatus {
        switch self {
        case .forbidden, .unknownURL: .forbidden
        case .throttled: .tooManyRequests
        case .payloadTooLarge: .payloadTooLarge
        case .functionFailed: .badGateway
        }
    }

    private var errorType: String? {
        switch self {
        case .forbidden, .unknownURL: "AccessDeniedException"
        case .throttled: "TooManyRequestsException"
        case .payloadTooLarge: "RequestEntityTooLargeException"
        case .functionFailed: nil
        }
    }

    private var body: [UInt8] {
        switch self {
        case .forbidden:
            Self.message(
                "Forbidden. For troubleshooting Function URL authorization issues, see: "
                    + "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
            )
        case .unknownURL:
            JSONWriter.document { $0.nullMember("Message") }
        case .throttled:
            Self.message("Rate Exceeded.")
        case .payloadTooLarge:
            Self.message(
                "Request must be smaller than \(Limits.requestPayloadMax.bytes) bytes for the InvokeFunction operation"
            )
        case .functionFailed:
            // Not JSON, whatever the header says; so AWS has it.
            Array("Internal Server Error".utf8)
        }
    }

    private static func message(_ text: String) -> [UInt8] {
        JSONWriter.document { $0.member("Message", text) }
    }
}
