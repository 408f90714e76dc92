import LambdaAPI
import Testing

@Suite struct OperationTests {
    @Test func allOperationsOfTheModelAreThere() {
        #expect(Operation.allCases.count == 91)
        #expect(Operation(rawValue: "CreateFunction") == .createFunction)
    }

    @Test func noTwoRoutesClash() {
        let routes = Operation.allCases.map { operation in
            let path = operation.pathTemplate.split(separator: "/", omittingEmptySubsequences: false)
                .map { $0.hasPrefix("{") ? "{}" : $0 }.joined(separator: "/")
            let query = operation.fixedQuery.map { "?\($0.name)=\($0.value)" } ?? ""
            return "\(operation.method) \(path)\(query)"
        }
        #expect(Set(routes).count == routes.count)
    }

    @Test(arguments: Operation.allCases)
    func everyPathParameterIsAMemberOfTheRequest(_ operation: Operation) {
        let parameters = operation.pathTemplate.split(separator: "/").filter { $0.hasPrefix("{") }
            .map { String($0.dropFirst().dropLast()) }
        guard case .structure(let members) = operation.requestShape.kind else {
            Issue.record("the request is no structure")
            return
        }
        let inPath = members.filter { if case .path = $0.location { true } else { false } }
        #expect(Set(inPath.map(\.name)) == Set(parameters))
        #expect(!inPath.contains { !$0.isRequired })
    }

    @Test func deleteFunctionAnswersAsLambdaDoesNotAsItsModelSays() {
        #expect(Operation.deleteFunction.successStatus == 204)
    }
}

@Suite struct RouteTableTests {
    private func match(
        _ method: String,
        _ path: String,
        query: [(String, String)] = []
    ) -> RouteTable.Match? {
        RouteTable.all.match(method: method, path: path[...]) { name, value in
            query.contains { $0 == (name, value) }
        }
    }

    @Test(arguments: Operation.allCases)
    func findsEveryOperation(_ operation: Operation) {
        var names: [String] = []
        let path = operation.pathTemplate.split(separator: "/", omittingEmptySubsequences: false)
            .map { segment in
                guard segment.hasPrefix("{") else { return String(segment) }
                names.append(String(segment.dropFirst().dropLast()))
                return "v%2F\(names.count)"
            }
            .joined(separator: "/")
        let found = match(
            operation.method,
            path,
            query: operation.fixedQuery.map { [($0.name, $0.value)] } ?? []
        )
        #expect(found?.operation == operation)
        let expected = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, "v/\($0 + 1)") })
        #expect(found?.pathParameters == expected)
    }

    @Test func decodesARNsInPaths() {
        let path =
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST/invocations"
        #expect(
            match("POST", path)?.pathParameters["FunctionName"]
                == "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
        )
    }

    @Test func ignoresASlashAtTheEnd() {
        #expect(match("GET", "/2015-03-31/functions/")?.operation == .listFunctions)
        #expect(match("POST", "/2014-11-13/functions/f/invoke-async/")?.operation == .invokeAsync)
    }

    @Test func theQueryDecidesBetweenOperationsOfOnePath() {
        let path = "/2019-09-30/functions/f/provisioned-concurrency"
        #expect(match("GET", path)?.operation == .getProvisionedConcurrencyConfig)
        #expect(match("GET", path, query: [("List", "ALL")])?.operation == .listProvisionedConcurrencyConfigs)
    }

    @Test(arguments: [
        ("GET", "/"), ("GET", ""), ("PATCH", "/2015-03-31/functions"), ("GET", "/2015-03-31"),
        ("GET", "/2015-03-31/functions/f/nothing"), ("GET", "/2015-03-31/functions//configuration"),
        ("GET", "/2015-03-31/functions/%zz"), ("GET", "/2015-03-31/functions/%4"), ("GET", "/2015-03-31/functions/%ff"),
    ])
    func findsNothingElsewhere(_ method: String, _ path: String) {
        #expect(match(method, path) == nil)
    }
}
