/// Which server is used, and how.
package struct PostgresSettings: Sendable {
    /// Where it is: a URL (`postgresql://user@host/database?sslmode=verify-full`) or key-value pairs, as libpq reads them
    /// (PostgreSQL's manual, "Connection Strings").
    package var address: String
    /// The schema that has the tables; it is created if it is not there.
    package var schema: String
    /// The most connections that requests use at once.
    package var connectionsMax: Int

    package init(address: String, schema: String = "swiftlet", connectionsMax: Int = 8) {
        precondition(
            schema.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isWholeNumber || $0 == "_") },
            "the name of the schema stands in statements"
        )
        self.address = address
        self.schema = schema
        self.connectionsMax = connectionsMax
    }

    /// Names this process among those that use the server.
    let processID = "\(UInt64.random(in: 0 ... .max))"

    /// Where processes tell each other of appended events; what is not of events or the fleet is told by the schema's name.
    var eventChannel: String { "\(schema)_events" }

    /// Where members of a fleet tell each other what they have changed of its bookkeeping.
    var fleetChannel: String { "\(schema)_fleet" }

    /// What each connection is told first. A statement that hangs is ended; a commit is on the server's disk before it
    /// returns.
    var preamble: String {
        """
        SET search_path TO \(schema);
        SET synchronous_commit TO on;
        SET statement_timeout TO '30s';
        SET lock_timeout TO '10s';
        SET idle_in_transaction_session_timeout TO '30s';
        SET client_min_messages TO warning
        """
    }
}
