/// Who has signed a request, as STS tells it.
package struct CallerIdentity: Equatable, Sendable {
    /// Twelve digits.
    package var accountID: String
    package var arn: String
    /// What is unique to the caller in the account.
    package var userID: String

    package init(accountID: String, arn: String, userID: String) {
        self.accountID = accountID
        self.arn = arn
        self.userID = userID
    }
}

extension CallerIdentity: XMLEncodable {
    /// The response of GetCallerIdentity.
    package func encode(to writer: inout XMLWriter) {
        writer.member("Arn", arn)
        writer.member("UserId", userID)
        writer.member("Account", accountID)
    }
}
