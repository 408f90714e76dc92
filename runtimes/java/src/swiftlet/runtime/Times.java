package swiftlet.runtime;

import java.lang.reflect.InvocationTargetException;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.Year;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeParseException;
import java.util.Date;

/**
 * Times in JSON. Read from texts in ISO 8601, and points in time from numbers too; written as Lambda's own mapper does:
 * points in time as seconds, local ones as arrays of their fields, everything else as text.
 */
final class Times {
    private static final BigDecimal NANOSECONDS = BigDecimal.valueOf(1_000_000_000);

    private Times() {}

    static Object read(Object json, Class<?> raw) {
        try {
            return json instanceof Json.Number ? point(((Json.Number) json).decimal(), raw) : parse((String) json, raw);
        } catch (DateTimeParseException | ArithmeticException | ClassCastException e) {
            throw new MappingException("cannot make a " + raw.getName() + " of " + json, e);
        }
    }

    private static Object point(BigDecimal value, Class<?> raw) {
        if (raw == Date.class) {
            return new Date(value.longValueExact());
        }
        if (raw == Year.class) {
            return Year.of(value.intValueExact());
        }
        long seconds = value.setScale(0, java.math.RoundingMode.FLOOR).longValueExact();
        long nanoseconds = value.subtract(BigDecimal.valueOf(seconds)).multiply(NANOSECONDS).longValue();
        if (raw == Duration.class) {
            return Duration.ofSeconds(seconds, nanoseconds);
        }
        Instant instant = Instant.ofEpochSecond(seconds, nanoseconds);
        if (raw == Instant.class) {
            return instant;
        }
        if (raw == OffsetDateTime.class) {
            return instant.atOffset(ZoneOffset.UTC);
        }
        if (raw == ZonedDateTime.class) {
            return instant.atZone(ZoneOffset.UTC);
        }
        throw new MappingException("cannot make a " + raw.getName() + " of a number");
    }

    private static Object parse(String text, Class<?> raw) {
        if (raw == Date.class) {
            return Date.from(OffsetDateTime.parse(text).toInstant());
        }
        if (raw == Instant.class) {
            return OffsetDateTime.parse(text).toInstant();
        }
        if (ZoneId.class.isAssignableFrom(raw)) {
            return ZoneId.of(text);
        }
        try {
            return raw.getMethod("parse", CharSequence.class).invoke(null, text);
        } catch (InvocationTargetException e) {
            throw new MappingException("cannot make a " + raw.getName() + " of the text " + text, e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new MappingException("cannot make a " + raw.getName() + " of a text", e);
        }
    }

    static void write(Object value, StringBuilder output) {
        if (value instanceof Instant) {
            seconds(((Instant) value).getEpochSecond(), ((Instant) value).getNano(), output);
        } else if (value instanceof OffsetDateTime) {
            write(((OffsetDateTime) value).toInstant(), output);
        } else if (value instanceof ZonedDateTime) {
            write(((ZonedDateTime) value).toInstant(), output);
        } else if (value instanceof Duration) {
            seconds(((Duration) value).getSeconds(), ((Duration) value).getNano(), output);
        } else if (value instanceof LocalDate) {
            output.append('[').append(fields((LocalDate) value)).append(']');
        } else if (value instanceof LocalTime) {
            output.append('[').append(fields((LocalTime) value)).append(']');
        } else if (value instanceof LocalDateTime) {
            LocalDateTime both = (LocalDateTime) value;
            output.append('[').append(fields(both.toLocalDate())).append(',').append(fields(both.toLocalTime()))
                    .append(']');
        } else if (value instanceof Year) {
            output.append(value);
        } else {
            Json.quote(value.toString(), output);
        }
    }

    private static void seconds(long seconds, int nanoseconds, StringBuilder output) {
        output.append(BigDecimal.valueOf(seconds).add(BigDecimal.valueOf(nanoseconds, 9)).setScale(9).toPlainString());
    }

    private static String fields(LocalDate date) {
        return date.getYear() + "," + date.getMonthValue() + "," + date.getDayOfMonth();
    }

    private static String fields(LocalTime time) {
        String fields = time.getHour() + "," + time.getMinute();
        if (time.getSecond() > 0 || time.getNano() > 0) {
            fields += "," + time.getSecond();
        }
        return time.getNano() > 0 ? fields + "," + time.getNano() : fields;
    }
}
