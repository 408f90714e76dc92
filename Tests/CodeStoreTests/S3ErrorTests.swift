import Foundation
import Testing

@testable import CodeStore

struct S3ErrorTests {
    private func error(_ status: UInt, _ document: String) -> S3Error {
        S3Error(status: status, document: Data(document.utf8))
    }

    @Test func codeAndMessageAreS3sOwn() {
        let error = error(
            404,
            """
            <?xml version="1.0" encoding="UTF-8"?>
            <Error><Code>NoSuchBucket</Code><Message>The specified bucket &quot;b&quot; does not exist</Message>\
            <Details><Code>no</Code></Details></Error>
            """
        )
        #expect(error.code.rawValue == "NoSuchBucket")
        #expect(error.message == "The specified bucket \"b\" does not exist")
        #expect(!error.mayPass)
    }

    @Test(
        arguments: [
            (403, "AccessDenied", false), (404, "NoSuchKey", false), (412, "PreconditionFailed", false),
            (429, "Unreachable", true), (500, "Unreachable", true), (503, "Unreachable", true),
            (301, "Unreachable", false),
        ] as [(UInt, String, Bool)]
    )
    func statusSpeaksWhereNobodyElseDoes(status: UInt, code: String, mayPass: Bool) {
        for document in ["", "<html>", "not XML", "<Error></Error>"] {
            let error = error(status, document)
            #expect(error.code.rawValue == code)
            #expect(error.mayPass == mayPass)
        }
    }
}
