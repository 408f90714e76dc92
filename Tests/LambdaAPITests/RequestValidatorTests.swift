import LambdaAPI
import Testing

@Suite struct RequestValidatorTests {
    /// A CreateFunction with the given further members, to be broken in one way or another.
    private static func createFunction(_ members: String, name: String = "f", role: String = role) -> String {
        #"{"FunctionName":"\#(name)","Role":"\#(role)","Code":{"ZipFile":"UEs="}\#(members.isEmpty ? "" : ",")\#(members)}"#
    }

    private static let role = "arn:aws:iam::000000000000:role/r"
    private static let rolePattern = #"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"#

    private func message<Request: OperationRequest>(
        _ type: Request.Type,
        _ input: OperationInput
    ) -> String? {
        let error = #expect(throws: LambdaError.self) { try Request(input) }
        #expect(error?.code == .validation)
        return error?.message
    }

    private func message(createFunction body: String) -> String? {
        message(CreateFunctionRequest.self, OperationInput(body: Array(body.utf8)))
    }

    /// A member that breaks one constraint, and what AWS says about it.
    struct Violation: Sendable, CustomTestStringConvertible {
        let members: String
        let value: String
        let path: String
        let constraint: String

        init(_ members: String, _ value: String, _ path: String, _ constraint: String) {
            self.members = members
            self.value = value
            self.path = path
            self.constraint = constraint
        }

        var testDescription: String { path }
    }

    private static let long = String(repeating: "d", count: 257)
    private static let architecture =
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"

    @Test(arguments: [
        Violation(#""MemorySize":64"#, "'64'", "memorySize", "Member must have value greater than or equal to 128"),
        Violation(
            #""MemorySize":99999999999"#,
            "'99999999999'",
            "memorySize",
            "Member must have value less than or equal to 32768"
        ),
        Violation(
            #""Description":"\#(long)""#,
            "'\(long)'",
            "description",
            "Member must have length less than or equal to 256"
        ),
        Violation(
            #""PackageType":"Tar""#,
            "'Tar'",
            "packageType",
            "Member must satisfy enum value set: [Zip, Image]"
        ),
        Violation(
            #""Architectures":["x86_64","arm64"]"#,
            "'[x86_64, arm64]'",
            "architectures",
            "Member must have length less than or equal to 1"
        ),
        Violation(#""Architectures":["mips"]"#, "'[mips]'", "architectures", architecture),
        Violation(#""Architectures":[null]"#, "'[null]'", "architectures", architecture),
        Violation(
            #""SnapStart":{"ApplyOn":"Always"}"#,
            "'Always'",
            "snapStart.applyOn",
            "Member must satisfy enum value set: [PublishedVersions, None]"
        ),
        Violation(#""EphemeralStorage":{}"#, "null", "ephemeralStorage.size", "Member must not be null"),
        Violation(
            #""KMSKeyArn":"key""#,
            "'key'",
            "kMSKeyArn",
            #"Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()"#
        ),
        Violation(
            #""FileSystemConfigs":[{"Arn":"\#(accessPoint)"}]"#,
            "null",
            "fileSystemConfigs.1.member.localMountPath",
            "Member must not be null"
        ),
    ])
    func wordsEachKindOfConstraintAsAWSDoes(_ violation: Violation) {
        let expected =
            "1 validation error detected: Value \(violation.value) at '\(violation.path)' failed to satisfy constraint: "
            + violation.constraint
        #expect(message(createFunction: Self.createFunction(violation.members)) == expected)
    }

    private static let accessPoint =
        "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0"

    @Test func reportsAllViolationsInTheOrderOfTheModel() {
        let body = #"{"Timeout":0,"Role":"r1","MemorySize":1,"PackageType":"Tar"}"#
        let expected =
            "6 validation errors detected: "
            + "Value null at 'functionName' failed to satisfy constraint: Member must not be null; "
            + "Value 'r1' at 'role' failed to satisfy constraint: "
            + "Member must satisfy regular expression pattern: \(Self.rolePattern); "
            + "Value null at 'code' failed to satisfy constraint: Member must not be null; "
            + "Value '0' at 'timeout' failed to satisfy constraint: Member must have value greater than or equal to 1; "
            + "Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128; "
            + "Value 'Tar' at 'packageType' failed to satisfy constraint: Member must satisfy enum value set: [Zip, Image]"
        #expect(message(createFunction: body) == expected)
    }

    @Test func explicitNullIsAsGoodAsAbsent() {
        let body = #"{"FunctionName":null,"Role":"\#(Self.role)","Code":{},"Description":null}"#
        let expected =
            "1 validation error detected: Value null at 'functionName' failed to satisfy constraint: "
            + "Member must not be null"
        #expect(message(createFunction: body) == expected)
    }

    @Test func keepsSensitiveValuesToItself() {
        let body = Self.createFunction(#""Environment":{"Variables":{"1BAD":"hunter2"}}"#)
        let expected =
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
            + "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: "
            + "[a-zA-Z]([a-zA-Z0-9_])+, Member must not be null]"
        #expect(message(createFunction: body) == expected)
    }

    @Test func wordsMapValuesAsAWSDoes() {
        let input = OperationInput(
            pathParameters: ["FunctionName": "f"],
            body: Array(
                #"{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":2.0}}}"#.utf8
            )
        )
        let expected =
            "1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy "
            + "constraint: Map value must satisfy constraint: [Member must have value less than or equal to 1.0, "
            + "Member must have value greater than or equal to 0.0, Member must not be null]"
        #expect(message(CreateAliasRequest.self, input) == expected)
    }

    @Test func checksPathAndQueryToo() {
        let untag = OperationInput(pathParameters: ["Resource": "arn"])
        #expect(
            message(UntagResourceRequest.self, untag)?.hasSuffix(
                "Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
            ) == true
        )
        let list = OperationInput(query: [("MaxItems", "0")])
        let expected =
            "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: "
            + "Member must have value greater than or equal to 1"
        #expect(message(ListFunctionsRequest.self, list) == expected)
    }

    @Test func leavesTheRuntimeToTheService() throws {
        let body = Self.createFunction(#""Runtime":"cobol60""#)
        let request = try CreateFunctionRequest(OperationInput(body: Array(body.utf8)))
        #expect(request.runtime == Runtime(rawValue: "cobol60"))
    }

    @Test func boundsItsMessages() {
        let long = String(repeating: "x", count: 5_000_000)
        let message = message(createFunction: Self.createFunction("", role: long)) ?? ""
        #expect(message.utf8.count < 10_000)
        #expect(message.contains("xxx...' at 'role'"))

        let statements = String(repeating: "{},", count: 1000) + "{}"
        let many = self.message(createFunction: Self.createFunction(#""FileSystemConfigs":[\#(statements)]"#)) ?? ""
        #expect(many.hasPrefix("\(RequestValidator.violationsMax) validation errors detected: "))
    }
}
