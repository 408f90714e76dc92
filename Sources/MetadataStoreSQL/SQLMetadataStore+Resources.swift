package import MetadataStore

extension SQLMetadataStore {
    package func insert<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError) {
        try await database.write("insert \(Resource.kind) \(resource.id)") { database in
            var resource = resource
            resource.generation = 0
            let row = ResourceRow(resource)
            try row.refusingTwo { try row.insert(in: database) }
            try row.insertKeys(in: database)
        }
    }

    package func resource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Resource? {
        try await database.read("read \(Resource.kind) \(id)") { database in
            try ResourceRow<Resource>.fetch(Resource.kind, id, in: database)?.record()
        }
    }

    package func replace<Resource: StoredResource>(_ resource: Resource) async throws(MetadataStoreError) -> Resource {
        try await database.write("replace \(Resource.kind) \(resource.id)") { database in
            let current = try ResourceRow<Resource>.fetch(Resource.kind, resource.id, in: database)
            guard let current, try current.value("generation") == resource.generation else {
                throw MetadataStoreError(
                    .conflict,
                    "failed to replace \(Resource.kind) \(resource.id): its generation is not \(resource.generation)"
                )
            }
            var next = resource
            next.generation += 1
            let row = ResourceRow(next)
            try row.refusingTwo { try row.update(in: database) }
            if try current.record().keys != next.keys {
                try row.deleteKeys(in: database)
                try row.insertKeys(in: database)
            }
            return next
        }
    }

    package func deleteResource<Resource: StoredResource>(
        _ type: Resource.Type,
        _ id: String
    ) async throws(MetadataStoreError) -> Bool {
        try await database.write("delete \(Resource.kind) \(id)") { database in
            try ResourceRow<Resource>.delete(Resource.kind, id, in: database)
        }
    }

    package func resources<Resource: StoredResource>(
        _ type: Resource.Type,
        key: String?,
        after id: String?,
        limit: Int
    ) async throws(MetadataStoreError) -> [Resource] {
        try await database.read("list \(Resource.kind)") { database in
            let rows =
                if let key {
                    try ResourceRow<Resource>.fetchAll(
                        """
                        WHERE kind = ?1 AND id IN (
                            SELECT id FROM resourceKey WHERE kind = ?1 AND key = ?2 AND id > ?3 ORDER BY id LIMIT ?4
                        ) ORDER BY id
                        """,
                        [Resource.kind, key, id ?? "", limit],
                        in: database
                    )
                } else {
                    try ResourceRow<Resource>.fetchAll(
                        "WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                        [Resource.kind, id ?? "", limit],
                        in: database
                    )
                }
            return try rows.map { try $0.record() }
        }
    }
}
