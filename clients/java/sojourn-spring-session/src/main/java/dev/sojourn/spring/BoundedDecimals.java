package dev.sojourn.spring;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.NumberDeserializers;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdScalarSerializer;
import java.io.IOException;
import java.math.BigDecimal;

/** As texts, and none that takes all the memory there is as soon as it is reckoned with: {@code 1e1000000000}. */
final class BoundedDecimals extends SimpleModule {
  private static final long serialVersionUID = 1;
  /** Of digits before and behind the point; more digits Jackson does not read. */
  private static final int MOST = 1000;

  BoundedDecimals() {
    super("sojourn-decimals");
    addSerializer(BigDecimal.class, new Writer());
    addDeserializer(BigDecimal.class, new Reader());
  }

  static boolean isBounded(BigDecimal value) {
    return value.precision() <= MOST && Math.abs((long) value.scale()) <= MOST;
  }

  private static final class Writer extends StdScalarSerializer<BigDecimal> {
    private static final long serialVersionUID = 1;

    Writer() {
      super(BigDecimal.class);
    }

    @Override
    public void serialize(BigDecimal value, JsonGenerator out, SerializerProvider provider) throws IOException {
      if (!isBounded(value)) throw JsonMappingException.from(out, "a BigDecimal has at most " + MOST + " digits");
      out.writeString(value.toString());
    }
  }

  private static final class Reader extends StdScalarDeserializer<BigDecimal> {
    private static final long serialVersionUID = 1;

    Reader() {
      super(BigDecimal.class);
    }

    @Override
    public BigDecimal deserialize(JsonParser in, DeserializationContext context) throws IOException {
      BigDecimal value = NumberDeserializers.BigDecimalDeserializer.instance.deserialize(in, context);
      if (value == null || isBounded(value)) return value;
      throw JsonMappingException.from(in, "a BigDecimal has at most " + MOST + " digits");
    }
  }
}
