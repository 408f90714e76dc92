package import LambdaAPI
package import NIOCore
package import NIOHTTP1

/// One request to a function URL, with all that its event tells of it.
package struct FunctionURLRequest: Sendable {
    /// The connection that the request came on, as the function learns of it.
    package struct Connection: Sendable {
        /// The client's address, without a port.
        package var sourceIP: String
        /// The port that the client connected to.
        package var port: Int
        /// How it is encrypted; nil when it is not.
        package var encryption: Encryption?

        /// A connection of a client.
        package init(sourceIP: String, port: Int, encryption: Encryption? = nil) {
            self.sourceIP = sourceIP
            self.port = port
            self.encryption = encryption
        }
    }

    /// How a connection is encrypted.
    package struct Encryption: Sendable {
        /// Such as `TLSv1.3`.
        package var version: String
        /// Such as `TLS_AES_128_GCM_SHA256`; nil where it is not known.
        package var cipherSuite: String?

        /// The result of a handshake.
        package init(version: String, cipherSuite: String? = nil) {
            self.version = version
            self.cipherSuite = cipherSuite
        }
    }

    /// The caller whose signature a URL with `AuthType` `AWS_IAM` has verified.
    package struct Caller: Sendable {
        /// The identifier of the key that signed.
        package var accessKey: String
        /// The caller's own account.
        package var accountID: String
        /// The caller's unique identifier.
        package var callerID: String
        /// The caller's ARN.
        package var userARN: String
        /// The user's unique identifier, which for a role has the session's name in it.
        package var userID: String
        /// The caller's organisation; nil when it is in none.
        package var principalOrgID: String?

        /// A caller whose signature has been verified.
        package init(
            accessKey: String,
            accountID: String,
            callerID: String,
            userARN: String,
            userID: String,
            principalOrgID: String? = nil
        ) {
            self.accessKey = accessKey
            self.accountID = accountID
            self.callerID = callerID
            self.userARN = userARN
            self.userID = userID
            self.principalOrgID = principalOrgID
        }
    }

    /// Which URL and what of it.
    package var address: FunctionURLAddress
    /// The domain name of the URL, without a port.
    package var domainName: String
    /// HTTP's own part of the request; its target is not looked at, since the address is made of it.
    package var head: HTTPRequestHead
    /// The whole body; empty if there is none.
    package var body: ByteBuffer
    /// Where the request came from.
    package var connection: Connection
    /// Who signed it; nil for a URL with `AuthType` `NONE`.
    package var caller: Caller?
    /// The identifier that the answer has too.
    package var requestID: RequestID
    /// The X-Ray header of the invoke.
    package var traceHeader: String
    /// The account of the function.
    package var accountID: String
    /// When the request came.
    package var time: Timestamp

    /// A request as it was received.
    package init(
        address: FunctionURLAddress,
        domainName: String,
        head: HTTPRequestHead,
        body: ByteBuffer,
        connection: Connection,
        caller: Caller?,
        requestID: RequestID,
        traceHeader: String,
        accountID: String,
        time: Timestamp
    ) {
        self.address = address
        self.domainName = domainName
        self.head = head
        self.body = body
        self.connection = connection
        self.caller = caller
        self.requestID = requestID
        self.traceHeader = traceHeader
        self.accountID = accountID
        self.time = time
    }
}
