/// Which function, and which version or alias of it, a caller means.
///
/// Callers may write a function as a name, a partial ARN or a full ARN, each with or without a qualifier behind it, and
/// may give the qualifier apart. Every invoke passes here, so a good reference is read in one scan of its bytes, without
/// regular expressions.
package struct FunctionReference: Hashable, Sendable {
    /// The function's name, at most 64 characters.
    package let name: FunctionName
    /// The qualifier exactly as the caller gave it, be it `$LATEST`; nil when there was none.
    package let qualifier: Qualifier?

    /// A reference to a function that is known to exist.
    package init(_ name: FunctionName, qualifier: Qualifier? = nil) {
        self.name = name
        self.qualifier = qualifier
    }

    /// Reads a reference as a request has it, percent-decoded.
    ///
    /// Throws, in this order: `ValidationException` when either part is malformed, `InvalidParameterValueException` when
    /// the name is too long or the two qualifiers differ, `ResourceNotFoundException` for another region,
    /// `AccessDeniedException` for another account.
    package init(
        _ functionName: String,
        qualifier: String? = nil,
        in locality: Locality
    ) throws(LambdaError) {
        let parts = Parts(functionName[...].utf8)
        let isQualifierGood = qualifier.map(Self.isQualifier) ?? true
        let areShort =
            functionName.utf8.count <= Limits.functionReferenceLengthMax
            && qualifier?.utf8.count ?? 0 <= Limits.qualifierLengthMax
        guard let parts, isQualifierGood, areShort else {
            let nameViolations = Self.violations(
                functionName,
                as: Shapes.namespacedFunctionName,
                at: "functionName",
                matches: parts != nil
            )
            let qualifierViolations = qualifier.map {
                Self.violations(
                    $0,
                    as: Shapes.numericLatestPublishedOrAliasQualifier,
                    at: "qualifier",
                    matches: isQualifierGood
                )
            }
            throw .validation(nameViolations + (qualifierViolations ?? []))
        }

        // A bare name is the caller's own string, so that the usual invoke copies nothing.
        let isBare = parts.name.count == functionName.utf8.count
        let name = isBare ? functionName : String(Substring(parts.name))
        guard name.utf8.count <= Limits.functionNameLengthMax else {
            let constraint = Constraint.lengthMax(Limits.functionNameLengthMax).description
            let violation = RequestValidator.violation(of: .text(name), at: "functionName", constraint)
            throw .invalidParameterValue(violation: violation)
        }
        let derived = parts.qualifier.map { String(Substring($0)) }
        if let derived, let qualifier, derived != qualifier {
            throw .invalidParameterValue(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        }
        if let region = parts.region, !region.elementsEqual(locality.region.utf8) {
            throw .otherRegion(String(Substring(region)), here: locality.region)
        }
        if let account = parts.account, !account.elementsEqual(locality.accountID.utf8) {
            throw .accessDenied(nil)
        }
        self.name = FunctionName(name)
        self.qualifier = (qualifier ?? derived).map { Qualifier($0) }
    }

    /// The ARN with the caller's qualifier, if there was one; a function is told this as the ARN it was invoked by.
    package func arn(in locality: Locality) -> String {
        locality.functionARN(name, qualifier: qualifier)
    }
}

// MARK: - The grammar

extension FunctionReference {
    /// The pieces of a reference, as slices of it.
    private struct Parts {
        typealias Slice = Substring.UTF8View

        var region: Slice?
        var account: Slice?
        private(set) var name: Slice
        private(set) var qualifier: Slice?

        /// Nil when the text is not of the grammar.
        ///
        /// All prefixes are optional, and a name may look like one: `function`, or `us-east-1:$LATEST`. As the regular
        /// expression would, this takes as many prefixes as leave a good name, so it tries the longest first.
        init?(_ text: Slice) {
            if let parts = Parts(bare: text) {
                self = parts
                return
            }
            let afterARN = Self.dropARN(text)
            let region = Self.dropField(afterARN, where: isRegion)
            let afterRegion = region?.rest ?? afterARN
            let account = Self.dropField(afterRegion, where: isAccount)
            let afterAccount = account?.rest ?? afterRegion
            let afterType = Self.drop("function:", from: afterAccount)

            let candidates = [
                (rest: afterType, region: region?.field, account: account?.field),
                (rest: afterAccount, region: region?.field, account: account?.field),
                (rest: afterRegion, region: region?.field, account: nil),
                (rest: afterARN, region: nil, account: nil),
                (rest: text, region: nil, account: nil),
            ]
            for candidate in candidates {
                guard let parts = Parts(qualified: candidate.rest) else { continue }
                self = parts
                self.region = candidate.region
                self.account = candidate.account
                return
            }
            return nil
        }

        /// The one form that nearly every caller uses: a name and nothing else.
        private init?(bare text: Slice) {
            guard !text.isEmpty, text.allSatisfy({ isWord($0) || $0 == UInt8(ascii: ".") }) else { return nil }
            name = text
        }

        private init?(qualified text: Slice) {
            guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else {
                self.init(bare: text)
                return
            }
            self.init(bare: text[..<colon])
            let qualifier = text[text.index(after: colon)...]
            guard !qualifier.isEmpty, qualifier.allSatisfy(isWord) || isLatest(qualifier) else { return nil }
            self.qualifier = qualifier
        }

        private static func drop(_ prefix: StaticString, from text: Slice) -> Slice {
            let matches = prefix.withUTF8Buffer { text.starts(with: $0) }
            return matches ? text.dropFirst(prefix.utf8CodeUnitCount) : text
        }

        /// Drops `arn:aws:lambda:`, of any partition, or nothing.
        private static func dropARN(_ text: Slice) -> Slice {
            let rest = drop("arn:", from: text)
            guard rest.count < text.count,
                let partition = dropField(rest, where: { $0.isEmpty || isPartition($0) })
            else { return text }
            let afterService = drop("lambda:", from: partition.rest)
            return afterService.count < partition.rest.count ? afterService : text
        }

        /// The text up to a colon and the rest behind it, if what stands there is of the wanted kind.
        private static func dropField(_ text: Slice, where isWanted: (Slice) -> Bool) -> (field: Slice, rest: Slice)? {
            guard let colon = text.firstIndex(of: UInt8(ascii: ":")), isWanted(text[..<colon]) else { return nil }
            return (text[..<colon], text[text.index(after: colon)...])
        }
    }

    private static func isQualifier(_ text: String) -> Bool {
        let bytes = text[...].utf8
        guard !bytes.isEmpty else { return false }
        return isLatest(bytes) || bytes.allSatisfy { isWord($0) || $0 == UInt8(ascii: "$") }
    }

    /// Words what is wrong with a part, for which the scanner has the say on the pattern.
    private static func violations(
        _ text: String,
        as shape: Shape,
        at path: String,
        matches: Bool
    ) -> [String] {
        Constraint.list(of: shape).compactMap { constraint in
            let isViolated =
                if case .pattern = constraint { !matches } else { constraint.isViolated(by: .text(text)) }
            return isViolated ? RequestValidator.violation(of: .text(text), at: path, constraint.description) : nil
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    private static func isAccount(_ field: Parts.Slice) -> Bool {
        field.count == 12 && field.allSatisfy(isDigit)
    }

    private static func isPartition(_ field: Parts.Slice) -> Bool {
        field.starts(with: "aws".utf8) && field.dropFirst(3).allSatisfy { isLetter($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isLatest(_ field: Parts.Slice) -> Bool {
        field.elementsEqual("$LATEST".utf8) || field.elementsEqual("$LATEST.PUBLISHED".utf8)
    }

    /// `us-east-1`, `us-gov-west-1`, `us-iso-east-1`, `us-isob-east-1`, `eusc-de-east-1`.
    private static func isRegion(_ field: Parts.Slice) -> Bool {
        var words = field.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)[...]
        if words.first?.elementsEqual("eusc".utf8) == true { words = words.dropFirst() }
        guard let country = words.popFirst(), country.count == 2, country.allSatisfy(isLower) else { return false }
        if words.count == 3, let area = words.popFirst() {
            let isSovereign =
                area.elementsEqual("gov".utf8)
                || (area.starts(with: "iso".utf8) && area.count <= 4 && area.allSatisfy(isLower))
            guard isSovereign else { return false }
        }
        guard words.count == 2, let direction = words.popFirst(), let number = words.popFirst() else { return false }
        return !direction.isEmpty && direction.allSatisfy(isLower) && number.count == 1 && number.allSatisfy(isDigit)
    }
}
