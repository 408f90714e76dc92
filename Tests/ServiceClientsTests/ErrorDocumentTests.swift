import Testing

@testable import ServiceClients

struct ErrorDocumentTests {
    @Test(
        arguments: [
            "<Error><Code>C</Code><Message>a &lt;b&gt;</Message><Details><Code>no</Code></Details></Error>",
            "<?xml version='1.0'?>\n<Error><Code>C</Code><Message>a &#60;b&#62;</Message><Id>1</Id></Error>",
            """
            <ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>C</Code>\
            <Message>a &lt;b&gt;</Message><message>no</message></Error><Code>no</Code></ErrorResponse>
            """,
        ]
    )
    func xmlOfBothProtocolsTellsTheError(document: String) {
        #expect(ErrorDocument(xml: document.utf8) == ErrorDocument(code: "C", message: "a <b>"))
    }

    @Test(
        arguments: [
            (#"{"__type":"com.amazonaws.sqs#Gone","message":"why"}"#, nil, "Gone", "why"),
            (#"{"__type":"Gone","Message":"why"}"#, nil, "Gone", "why"),
            (#"{"__type":"a.b#Gone:http://c/d","message":"why","Message":"why"}"#, nil, "Gone", "why"),
            (#"{"__type":"com.amazonaws.sqs#Gone","message":"why"}"#, "AWS.Gone;Sender", "AWS.Gone", "why"),
            (#"{"__type":"Gone"}"#, ";Sender", "Gone", nil), (#"{"__type":"Gone"}"#, "AWS.Gone", "Gone", nil),
            (#"{"__type":1,"message":null}"#, nil, nil, nil), (#"{"message":"why"}"#, nil, nil, "why"),
        ] as [(String, String?, String?, String?)]
    )
    func jsonTellsTheErrorWithTheNameThatItHadInQueries(
        document: String,
        queryError: String?,
        code: String?,
        message: String?
    ) {
        #expect(
            ErrorDocument(json: Array(document.utf8), queryError: queryError)
                == ErrorDocument(code: code, message: message)
        )
    }

    @Test func refusalIsReadInTheFormThatItHas() {
        let expected = ErrorDocument(code: "C", message: "why")
        #expect(ErrorDocument(ServiceAnswer(400, #"{"__type":"a#C","message":"why"}"#)) == expected)
        #expect(ErrorDocument(ServiceAnswer(403, "<Error><Code>C</Code><Message>why</Message></Error>")) == expected)
    }

    @Test(arguments: [
        "", "<html>", "<html><body>Bad Gateway</body></html>", "no", "{", "[]", "null", "<Error></Error>",
    ])
    func whatNoServiceWroteTellsNothing(document: String) {
        let nothing = ErrorDocument(code: nil, message: nil)
        #expect(ErrorDocument(xml: document.utf8) == nothing)
        #expect(ErrorDocument(json: Array(document.utf8), queryError: nil) == nothing)
    }
}
