import LambdaAPI
import Testing

@Suite struct PolicyARNTests {
    @Test func partsAreThoseOfTheText() throws {
        let arn = try #require(PolicyARN("arn:aws:iam::123456789012:policy/a/b/c"))
        #expect((arn.accountID, arn.path, arn.name) == ("123456789012", "/a/b/", "c"))
        #expect(!arn.isOfAWS)
        #expect(arn == PolicyARN(accountID: "123456789012", path: "/a/b/", name: "c"))
        #expect(PolicyARN("arn:aws:iam::aws:policy/AWSLambda_FullAccess")?.path == "/")
        #expect(PolicyARN("arn:aws:iam::aws:policy/AWSLambda_FullAccess")?.isOfAWS == true)
    }

    @Test(arguments: [
        "", "arn:aws:iam::", "arn:aws:iam::aws", "arn:aws:iam::aws:policy/", "arn:aws:iam::aws:policy/a/",
        "arn:aws:iam::123456789012:role/r", "arn:aws:iam::12345678901:policy/p", "arn:aws:iam:::policy/p",
        "arn:aws:iam::12345678901x:policy/p",
    ])
    func otherTextIsNone(_ text: String) {
        #expect(PolicyARN(text) == nil)
    }
}
