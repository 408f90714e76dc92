import ArgumentParser
import Crypto
import Foundation
import HostIdentity
import SwiftASN1
import X509

/// `swiftlet cert`: a certificate to develop with.
struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert",
        abstract: "Make a certificate to develop with, which nobody trusts that was not told to.",
        discussion: """
            It is good for localhost, for functions' URLs below it, and for the names given, for a year. Clients of AWS trust \
            it through AWS_CA_BUNDLE. For anything but development, use a certificate of an authority.
            """
    )

    private static let validDays = 365

    @Argument(help: "Further names and addresses that the service is reached by.")
    var names: [String] = []

    @Option(help: "The directory of the service; the files go below it.")
    var data = ".swiftlet"

    @Option(help: "The region in the host names of functions' URLs.")
    var region = "us-east-1"

    @Option(help: "What the host names of functions' URLs end with.")
    var functionDomain = "localhost"

    func run() throws {
        let key = P256.Signing.PrivateKey()
        let certificate = try makeCertificate(for: key)
        let path = ServeConfiguration.absolutePath(data)
        try DataDirectory.make(path)
        let directory = "\(path)/tls"
        try DataDirectory.make(directory)
        let files = (certificate: "\(directory)/certificate.pem", key: "\(directory)/key.pem")
        // The key first: a service that sees the new certificate finds its key.
        try StoredFile.replace(files.key, with: key.pemRepresentation + "\n", permissions: 0o600)
        let pem = try certificate.serializeAsPEM().pemString + "\n"
        try StoredFile.replace(files.certificate, with: pem, permissions: 0o644)
        print("swiftlet serve --tls-certificate \(files.certificate) --tls-key \(files.key)")
        print("export AWS_CA_BUNDLE=\(files.certificate)")
    }

    private func makeCertificate(for key: P256.Signing.PrivateKey) throws -> Certificate {
        let signer = Certificate.PrivateKey(key)
        let name = try DistinguishedName { CommonName("Swiftlet development") }
        let identifier = SubjectKeyIdentifier(hash: signer.publicKey)
        let extensions = try Certificate.Extensions {
            // Its own authority, so that it can be trusted by itself.
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
            Critical(KeyUsage(digitalSignature: true, keyCertSign: true))
            try ExtendedKeyUsage([.serverAuth])
            SubjectAlternativeNames(alternativeNames)
            identifier
            AuthorityKeyIdentifier(keyIdentifier: identifier.keyIdentifier)
        }
        let now = Date()
        return try Certificate(
            version: .v3,
            serialNumber: Certificate.SerialNumber(),
            publicKey: signer.publicKey,
            notValidBefore: now.addingTimeInterval(-300),
            notValidAfter: now.addingTimeInterval(Double(Self.validDays) * 86_400),
            issuer: name,
            subject: name,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: extensions,
            issuerPrivateKey: signer
        )
    }

    private var alternativeNames: [GeneralName] {
        let domain = "lambda-url.\(region).\(functionDomain)"
        return (["localhost", "*.\(domain)", "127.0.0.1", "::1"] + names).map { name in
            guard let bytes = Self.address(name) else { return .dnsName(name) }
            return .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
        }
    }

    /// The bytes of an address of IPv4 or IPv6; nil for a name.
    private static func address(_ text: String) -> [UInt8]? {
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: size)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}
