import ArgumentParser
import Foundation
import Identity
import IdentityService
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQL
import MetadataStoreSQLite

/// `swiftlet user`: who may send requests, where requests must be signed.
struct UserCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user",
        abstract: "Manage the users that may send requests.",
        discussion: """
            Users are kept in the data directory, or in the database that SWIFTLET_POSTGRES names. A service that uses it \
            meanwhile takes up a change within five seconds. In the database, secrets are encrypted with a key that all \
            frontends of a fleet must have (--secrets-key).
            """,
        subcommands: [Add.self, List.self, Remove.self, AddKey.self, RemoveKey.self, SetPolicy.self, RemovePolicy.self]
    )

    /// Where the users are.
    struct Directory: ParsableArguments {
        @Option(help: "The directory of the service.")
        var data = ".swiftlet"

        @Option(help: "The file with the key of users' secrets. (default: DATA/secrets.key)")
        var secretsKey: String?

        @Option(help: "The schema with the fleet's tables, where SWIFTLET_POSTGRES names a server. (default: swiftlet)")
        var postgresSchema: String?

        func users() async throws -> Users {
            let path = ServeConfiguration.absolutePath(data)
            try DataDirectory.make(path)
            let key = secretsKey ?? EnvironmentVariable.value(of: "SWIFTLET_SECRETS_KEY")
            let secrets = SecretBox(
                key: try key.map { try DataDirectory.secretKey(at: $0) } ?? DataDirectory.secretKey(in: path)
            )
            let store: SQLMetadataStore
            if let server = EnvironmentVariable.value(of: "SWIFTLET_POSTGRES"), !server.isEmpty {
                let schema = postgresSchema ?? EnvironmentVariable.value(of: "SWIFTLET_POSTGRES_SCHEMA") ?? "swiftlet"
                let settings = try FleetConfiguration.postgres(server, schema: schema)
                store = SQLMetadataStore(try await PostgresDatabase(settings))
            } else {
                store = try SQLMetadataStore(sqliteFile: "\(path)/metadata.sqlite")
            }
            return Users(store: store, secrets: secrets)
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Add a user, and print an access key.")

        @Argument(help: "The user's name.")
        var name: String

        @Flag(help: "Let the user do everything.")
        var administrator = false

        @Option(help: "A file with a policy of IAM's grammar; may be given several times. Its name is the policy's.")
        var policy: [String] = []

        @OptionGroup var directory: Directory

        func run() async throws {
            var policies = administrator ? Users.administratorPolicies : [:]
            for file in policy {
                let (name, document) = try UserCommand.policy(in: file)
                policies[name] = document
            }
            let credentials = try await directory.users().add(name, policies: policies)
            UserCommand.show(credentials)
            if policies.isEmpty {
                print("\nThe user may do nothing yet. Give a policy: swiftlet user set-policy \(name) FILE")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the users with their access keys and policies.")

        @OptionGroup var directory: Directory

        func run() async throws {
            for user in try await directory.users().all() {
                let keys = user.accessKeys.map(\.id).joined(separator: " ")
                let policies = user.policies.keys.sorted().joined(separator: " ")
                print(
                    "\(user.name)  keys: \(keys.isEmpty ? "none" : keys)  policies: \(policies.isEmpty ? "none" : policies)"
                )
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a user with all access keys.")

        @Argument(help: "The user's name.")
        var name: String

        @OptionGroup var directory: Directory

        func run() async throws {
            try await directory.users().remove(name)
        }
    }

    struct AddKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a user one more access key, and print it.")

        @Argument(help: "The user's name.")
        var name: String

        @OptionGroup var directory: Directory

        func run() async throws {
            UserCommand.show(try await directory.users().addKey(name))
        }
    }

    struct RemoveKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take an access key away from a user.")

        @Argument(help: "The user's name.")
        var name: String

        @Argument(help: "The access key's identifier.")
        var key: String

        @OptionGroup var directory: Directory

        func run() async throws {
            try await directory.users().removeKey(key, of: name)
        }
    }

    struct SetPolicy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Give a user a policy; its name is the file's.")

        @Argument(help: "The user's name.")
        var name: String

        @Argument(help: "A file with a policy of IAM's grammar.")
        var file: String

        @OptionGroup var directory: Directory

        func run() async throws {
            let (policy, document) = try UserCommand.policy(in: file)
            try await directory.users().setPolicy(policy, document, of: name)
        }
    }

    struct RemovePolicy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take a policy away from a user.")

        @Argument(help: "The user's name.")
        var name: String

        @Argument(help: "The policy's name.")
        var policy: String

        @OptionGroup var directory: Directory

        func run() async throws {
            try await directory.users().removePolicy(policy, of: name)
        }
    }

    /// A policy and its name: that of the file, without directories and extension.
    fileprivate static func policy(in file: String) throws -> (name: String, document: String) {
        let url = URL(filePath: file)
        let document = try String(contentsOf: url, encoding: .utf8)
        return (url.deletingPathExtension().lastPathComponent, document)
    }

    /// Prints a key in the form in which shells take it up. Nobody can print its secret again.
    fileprivate static func show(_ credentials: Credentials) {
        print("export AWS_ACCESS_KEY_ID=\(credentials.accessKeyID)")
        print("export AWS_SECRET_ACCESS_KEY=\(credentials.secretAccessKey)")
    }
}
